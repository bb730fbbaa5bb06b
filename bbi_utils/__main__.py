"""`python -m bbi_utils …`: the commands."""

import sys

from bbi_utils.study.cli.main import program

sys.exit(program())
