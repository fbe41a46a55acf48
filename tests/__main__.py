"""All checks of the course, in the order in which they fail fastest.

python -m tests           # what a change must pass
python -m tests --times   # as well, each lesson within its budget of processor seconds: on a quiet machine
"""

import math
import shutil
import subprocess
import sys
import time
from pathlib import Path

from course.catalog import all_lessons

ROOT = Path(__file__).resolve().parent.parent
PYTEST = [
    sys.executable,
    "-m",
    "pytest",
    "-n",
    "2",
    "-rs",  # what was skipped, and why
    "-p",
    "tests.run_times",
    "-p",
    "tests.annotations",
]
NBVAL = ["--nbval", "--nbval-sanitize-with", "tests/nbval.cfg", "--nbval-kernel-name", "course"]
NBVAL += ["-p", "no:timeout", "-p", "tests.nbval_replies"]
WHOLE_FILES = [
    "--dist",
    "loadfile",
    "--no-loadscope-reorder",
]  # a notebook's cells belong to one process
LONGEST_FIRST = sorted(all_lessons(), key=lambda lesson: -(lesson.seconds("full") or math.inf))
STEPS = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "imports": ["lint-imports"],
    "spelling": ["codespell"],
    "generated files": ["course", "build", "--check"],
    "tests": [*PYTEST, "--dist", "worksteal", "tests"],
    "notebooks": [
        *PYTEST,
        *NBVAL,
        *WHOLE_FILES,
        *(str(lesson.path("solutions")) for lesson in LONGEST_FIRST),
    ],
}


def main() -> int:
    """Run every step; the first that fails ends the run with its exit status."""
    options = sys.argv[1:]
    if not set(options) <= {"--times"}:
        sys.exit(f"{' '.join(options)}: must be --times, or nothing")
    for name, (program, *arguments) in STEPS.items():
        started = time.perf_counter()
        print(f"--- {name}", flush=True)
        path = shutil.which(program, path=str(Path(sys.executable).parent)) or program
        more = [*options, f"--junitxml=junit/{name}.xml"] if "pytest" in arguments else []
        if status := subprocess.run([path, *arguments, *more], cwd=ROOT).returncode:
            print(f"{name} failed (exit status {status})")
            return status
        print(f"    {name}: {time.perf_counter() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
