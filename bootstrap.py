"""Set up the course in .venv: exact packages from requirements.lock, the course itself, its kernel.

Needs only Python 3.11 to 3.13 with venv. A second call finds nothing to do. Run: python bootstrap.py
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
BIN = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
READY = ENVIRONMENT / ".ready"
INPUTS = ("requirements.lock", "pyproject.toml", "bootstrap.py", "course/kernels/kernelspec.py")


def main() -> None:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"Python {found} at {sys.executable}: must be 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 lab"
        )
    digest = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in INPUTS) + str(ROOT).encode()).hexdigest()
    if PYTHON.exists() and READY.exists() and READY.read_text() == digest:
        return
    if not PYTHON.exists():
        print("Setting up .venv ...", flush=True)
        venv.create(ENVIRONMENT, with_pip=True)
    uv = [str(PYTHON), "-m", "uv"]
    if subprocess.run([*uv, "--version"], capture_output=True).returncode:
        run([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"])
    inside = ["--quiet", "--python", str(PYTHON)]
    run([*uv, "pip", "sync", *inside, "--require-hashes", str(ROOT / "requirements.lock")])
    run([*uv, "pip", "install", *inside, "--no-deps", "--editable", str(ROOT)])
    run([str(PYTHON), "-m", "course.kernels.kernelspec"])
    READY.write_text(digest)


def run(command: list[str]) -> None:
    """Run one step; stop with its exit status when it fails."""
    status = subprocess.run(command, cwd=ROOT).returncode
    if status:
        sys.exit(f"set-up failed (exit status {status}): {' '.join(command)}")


if __name__ == "__main__":
    main()
