"""What a user has set up for their own sessions does not reach the study's kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat

from bbi_utils.paths import ROOT

CODE = """
assert "leaked" not in globals() and "configured" not in globals()
import matplotlib.pyplot as plt
_ = plt.plot([1, 2])
plt.savefig({file!r})
"""


def test_a_kernel_runs_no_start_up_file_and_shows_figures_whatever_the_backend(tmp_path: Path) -> None:
    profile = tmp_path / "ipython" / "profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "00-mine.py").write_text("leaked = 1\nraise SystemExit(3)\n")
    (profile / "ipython_config.py").write_text("c.InteractiveShellApp.exec_lines = ['configured = 1']\n")
    (tmp_path / "mine.py").write_text("leaked = 1\n")
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n")
    cells = [nbformat.v4.new_code_cell(CODE.format(file=str(tmp_path / "f.pdf")))]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "n.ipynb")
    files = {"notebook": str(tmp_path / "n.ipynb"), "output": str(tmp_path / "out.ipynb")}
    (tmp_path / "job.json").write_text(json.dumps({**files, "parameters": {}}))
    theirs = {"IPYTHONDIR": str(tmp_path / "ipython"), "PYTHONSTARTUP": str(tmp_path / "mine.py")}
    theirs |= {"MPLBACKEND": "TkAgg", "MATPLOTLIBRC": str(tmp_path / "matplotlibrc")}
    theirs |= {"SOURCE_DATE_EPOCH": "abc"}
    command = [sys.executable, "-m", "bbi_utils.study.execute", str(tmp_path / "job.json")]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **theirs}, capture_output=True, text=True)
    result = json.loads((tmp_path / "job.result.json").read_text())
    assert done.returncode == 0 and result["failure"] is None, (result, done.stderr)
    shown = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1].outputs
    assert any("image/png" in output.get("data", {}) for output in shown)
