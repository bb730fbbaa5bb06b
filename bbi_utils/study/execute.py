"""Run one notebook in a kernel of this environment: `python -m bbi_utils.study.execute JOB.json`."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from bbi_utils import paths
from bbi_utils.files import json_object, write_json
from bbi_utils.provenance import peak_memory

COLOURS = r"\x1b\[[0-9;]*m"  # a terminal's
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_FOR_AN_OLD_ONE_TO_END = 10.0


def end(*_: object) -> None:
    """End this process and the kernel it started, at once."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()
    os._exit(1)


def end_with_parent() -> None:
    """End when asked to, and soon after the process that started this one is gone.

    Otherwise a killed driver would leave notebooks behind that go on writing beside the next run.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        end()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=watch, daemon=True).start()


def run_notebook(job: dict[str, Any]) -> dict[str, Any] | None:
    """Execute `notebook` with `parameters` into `output`; what went wrong and where, or None."""
    import papermill

    try:
        where = {"cwd": str(paths.ROOT), "kernel_name": "python3", "progress_bar": False}
        papermill.execute_notebook(job["notebook"], job["output"], parameters=job["parameters"], **where)
        return None
    except papermill.PapermillExecutionError as error:
        cell, name, message = error.exec_count, error.ename, error.evalue
    except Exception as error:  # a kernel that dies or cannot start: there is no cell to name
        cell, name, message = None, type(error).__name__, str(error)
    return {"cell": cell, "error": name, "message": re.sub(COLOURS, "", message).strip()}


@contextlib.contextmanager
def kernel_of_this_environment() -> Iterator[None]:
    """Kernels start from this environment alone: no other of the same name, and nothing of the user's own.

    Start-up files and settings of IPython would run before the notebook, and another backend than its own
    would keep figures out of it. A date for files is not needed: figures have none.
    """
    with tempfile.TemporaryDirectory(prefix="bbi-ipython-", ignore_cleanup_errors=True) as empty:
        own = {"JUPYTER_PATH": str(Path(sys.prefix) / "share" / "jupyter"), "IPYTHONDIR": empty}
        os.environ |= own
        for name in ("PYTHONSTARTUP", "MPLBACKEND", "MATPLOTLIBRC", "SOURCE_DATE_EPOCH"):
            os.environ.pop(name, None)
        yield


def main(job_file: Path) -> int:
    """Run the job in a file; the result goes beside it as *.result.json."""
    end_with_parent()
    warnings.simplefilter("ignore")
    # Where a killed run was at this very stage, its process has yet to end.
    wait = filelock.FileLock(job_file.with_suffix(".lock"), timeout=SECONDS_FOR_AN_OLD_ONE_TO_END)
    with wait, kernel_of_this_environment():
        began = time.monotonic()
        failure = run_notebook(json_object(job_file))
    took = {"seconds": round(time.monotonic() - began, 1), "peak_memory_bytes": peak_memory(of_children=True)}
    write_json(job_file.with_suffix(".result.json"), {"failure": failure, **took})
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
