"""Time what stands between a command and its first line: imports, each in a fresh interpreter.

    python -m benchmarks.import_time --rounds 7

Every module has its turn in every round. The table shows what an import adds to a bare interpreter, and whether it
brought TensorFlow or matplotlib along; where `import course` does, the exit status is 1. The last line is JSON.
"""

import argparse
import json
import subprocess
import sys
import time
from statistics import median

MODULES = (
    "course",
    "course.cli.main",
    "course.lesson",
    "course.data",
    "course.plots",
    "numpy",
    "papermill",
    "keras",
)
HEAVY = ("tensorflow", "matplotlib")
PROGRAM = f"import sys; {{imports}}; print(*[name for name in {HEAVY} if name in sys.modules])"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=7, help="imports of each module, at least 5 (default: 7)"
    )
    rounds = parser.parse_args().rounds
    if rounds < 5:
        parser.error(f"--rounds {rounds}: must be at least 5")
    turns = [{name: timed(name) for name in ("", *MODULES)} for _ in range(rounds + 1)][
        1:
    ]  # the first fills caches
    seconds = {name: median(turn[name][0] - turn[""][0] for turn in turns) for name in MODULES}
    print(f"{'import':16} {'seconds':>8}   brings along")
    for name in MODULES:
        print(f"{name:16} {seconds[name]:8.3f}   {turns[0][name][1]}")
    print(
        json.dumps(
            {
                "rounds": rounds,
                "seconds": {name: round(taken, 4) for name, taken in seconds.items()},
            }
        )
    )
    sys.exit(1 if turns[0]["course"][1] else 0)


def timed(module: str) -> tuple[float, str]:
    """Seconds of an interpreter that imports `module`, and which heavy packages it then holds."""
    program = PROGRAM.format(imports=f"import {module}" if module else "pass")
    start = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return time.perf_counter() - start, run.stdout.strip()


if __name__ == "__main__":
    main()
