"""How fast, exact and true to its level: one by `python -m benchmarks.NAME`, all by `-m benchmarks`."""

import sys
from collections.abc import Callable


def program(main: Callable[[], None]) -> None:
    """`main` as a program: what is no fault of its own is one line on stderr and exit status 2."""
    from bbi_utils.study.cli.main import BAD_INPUT, trouble

    try:
        main()
    except Exception as error:
        if (said := trouble(error)) is None:
            raise
        print(f"error: {said}", file=sys.stderr)
        sys.exit(BAD_INPUT)
