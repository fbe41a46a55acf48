"""Set up the course in .venv: exact packages from requirements.lock, the course itself, its kernel.

Needs only Python 3.11 to 3.13 with venv. A second call finds nothing to do; one by another version of Python makes
the environment anew. Run: python bootstrap.py

Extras of pyproject.toml, which only some tests and optional sections need, are installed as well when they are named:
python bootstrap.py browser jax torch orbax tensorboard
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
PIP = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
READY = ENVIRONMENT / ".ready"
INPUTS = ("requirements.lock", "pyproject.toml", "bootstrap.py", "course/kernels/kernelspec.py")
VERSION = "{}.{}".format(*sys.version_info)


def main() -> None:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"Python {found} at {sys.executable}: must be 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 lab"
        )
    try:
        packages = requirements(sys.argv[1:])
        set_up()
        if packages:
            run([*PIP, *packages])
    except (
        OSError,
        ValueError,
        subprocess.CalledProcessError,
    ) as error:  # ValueError: venv refuses the folder's name
        sys.exit(f"set-up failed: {error}")


def requirements(extras: list[str]) -> list[str]:
    """Return what the named extras of pyproject.toml consist of. Raises ValueError for one that is not there.

    They are not installed as `.[browser]`, since pip would then also install what the lock leaves out on purpose.
    """
    import tomllib  # which Pythons lack that are too old, and that is to be said in words

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = project["optional-dependencies"]
    for extra in extras:
        if extra not in known:
            raise ValueError(f"{extra}: no such extra; must be one of {', '.join(known)}")
    return [package for extra in extras for package in known[extra]]


def set_up() -> None:
    """Make in .venv what is missing there. Raises OSError, ValueError or CalledProcessError where that fails."""
    digest = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in INPUTS)).hexdigest()
    ready = f"{digest}\n{ROOT}\n"
    before = READY.read_text(encoding="utf-8") if READY.exists() else ready
    if version_of(PYTHON) == VERSION and READY.exists() and before == ready:
        return
    make_environment()
    place = before.partition("\n")[2]
    if READY.exists():  # until all is done it names no lock, and still the folder
        READY.write_text(f"\n{place}", encoding="utf-8")
    uv = [str(PYTHON), "-m", "uv"]
    if subprocess.run([*uv, "--version"], capture_output=True).returncode:
        run([*PIP, "uv"])
    inside = ["--quiet", "--python", str(PYTHON)]
    # After the folder has moved, programs in .venv still name the Python where it was: they are written anew.
    moved = ["--reinstall"] if place != f"{ROOT}\n" else []
    lock = ["--require-hashes", str(ROOT / "requirements.lock")]
    run([*uv, "pip", "sync", *inside, *moved, *lock])
    run([*uv, "pip", "install", *inside, "--no-deps", "--editable", str(ROOT)])
    run([str(PYTHON), "-m", "course.kernels.kernelspec"])
    READY.write_text(ready, encoding="utf-8")


def make_environment() -> None:
    """Make .venv with this Python where there is none, or one that another version made or that was left half-made."""
    present = version_of(PYTHON)
    if present != VERSION or not READY.exists():
        print(
            f"Setting up .venv with Python {VERSION}{f' in place of {present}' if present else ''} ...",
            flush=True,
        )
        venv.create(ENVIRONMENT, with_pip=True, clear=present != VERSION)


def version_of(python: Path) -> str:
    """Return the version of an interpreter, such as "3.12"; "" where it is missing or does not start."""
    ask = "import sys; print('{}.{}'.format(*sys.version_info))"
    try:
        return subprocess.run(
            [python, "-c", ask], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def run(command: list[str]) -> None:
    """Run one step in the course's folder. Raises CalledProcessError when it fails."""
    subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
