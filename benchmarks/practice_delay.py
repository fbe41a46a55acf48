"""Seconds from a save to the verdict of `course practice`, for answers that are right, each a little different.

    python -m benchmarks.practice_delay 01.1 10.1 10.2

The first line of an exercise is the time until its process is ready, which a learner spends reading the exercise. The
first that needs Keras waits for its import, those after it do not.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from statistics import median

from course.catalog import find
from course.cli.practice import POLL
from course.learner import copies, judge
from course.learner.merge import exercise_of
from course.learner.practice import Session
from course.learner.reading import read

SAVES = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exercises", nargs="+", help="such as 01.1")
    exercises = parser.parse_args().exercises
    judge.prepare()  # as the command does
    for exercise in exercises:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["JUPYTER_DATA_DIR"] = folder
            measure(Path(folder, "my-course"), exercise)


def measure(mine: Path, exercise: str) -> None:
    """Print how long verdicts on `exercise` take in a fresh copy of the notebooks at `mine`."""
    copies.update(mine)
    solution = find(exercise[:2]).exercises[exercise].solution
    with Session(mine, exercise) as session:
        started = time.perf_counter()
        save(session.notebook, exercise, solution)
        list(session.look())
        print(f"{exercise}: ready after {time.perf_counter() - started:.1f} s")
        delays = []
        for number in range(SAVES):
            save(session.notebook, exercise, f"{solution}\n# {number}")
            started = time.perf_counter()
            while not (lines := list(session.look())):
                time.sleep(POLL)
            assert lines[0].endswith("right"), lines
            delays.append(time.perf_counter() - started + POLL / 2)
        print(
            f"{exercise}: median {median(delays):.2f} s, longest {max(delays):.2f} s, of {SAVES} saves"
        )


def save(path: Path, exercise: str, answer: str) -> None:
    """Write `answer` into the notebook at `path`, as an editor does."""
    notebook = read(path)
    assert notebook is not None
    for cell in notebook.cells:
        if exercise_of(cell) == exercise:
            cell["source"] = answer
    path.write_text(json.dumps(notebook), encoding="utf-8")


if __name__ == "__main__":
    main()
