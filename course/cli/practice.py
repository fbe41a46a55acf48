"""What `course practice` shows, and the keys that it takes."""

import queue
import sys
import threading
from pathlib import Path

from course.catalog import LessonError
from course.learner import copies, judge, practice

POLL = 0.1  # seconds between two looks at the file
KEYS = "h: a hint · r: reset the exercise · n: next exercise · q: quit (each with Enter)"


def once(mine: Path, text: str | None, *, hint: bool, reset: bool) -> bool:
    """Judge the next open exercise once, or show one hint more, or reset it; return whether its answer is right."""
    if not (exercise := practice.next_open(mine, text)):
        print("Every exercise here is right.")
        return True
    with practice.Session(mine, exercise) as session:
        if reset:
            print(session.reset())
            return False
        session.require_answer()
        list(session.look())
        print(session.hint() if hint else "\n".join(session.lines()))
        return session.standing.outcome == "right"


def watch(mine: Path, text: str | None) -> None:
    """Go from one open exercise to the next until all are right, or the learner quits."""
    practice.next_open(mine, text)  # refuses what there is not before anything is copied
    judge.prepare()  # for the exercises to come
    for line in copies.update(mine):
        print(line)
    typed = _typed()
    passed: set[str] = set()  # right, or skipped
    while exercise := practice.next_open(mine, text, passed):
        with practice.Session(mine, exercise) as session:
            title = f"Exercise {exercise} in {session.notebook}"
            print(
                f"\n{title}\nWrite your answer there and save; each save is judged. {KEYS}",
                flush=True,
            )
            print("\n".join(session.lines()), flush=True)
            session.judge  # noqa: B018, prepares it while the learner thinks
            if not _one(session, typed):
                return
        passed.add(exercise)
        if text and "." in text:
            return
    if still := practice.next_open(mine, text):
        print(f"\nThat was the last one. You skipped some; the first of them is {still}.")
    else:
        print("\nThat was the last one." if passed else "Every exercise here is right.")


def _one(session: practice.Session, typed: "queue.Queue[str]") -> bool:
    """Stay with an exercise until it is right or given up; False where the learner quits."""
    while True:
        for line in session.look():
            print(line, flush=True)
        if session.standing.outcome == "right":
            return True
        try:
            key = typed.get(timeout=POLL)
        except queue.Empty:
            continue
        if key == "q":
            return False
        if key == "n":
            return True
        if key == "h":
            print(f"  {session.hint()}", flush=True)
        elif key == "r":
            try:
                print(session.reset(), flush=True)
            except LessonError as error:  # an editor may be writing the file
                print(error, flush=True)
        else:
            print(KEYS, flush=True)


def _typed() -> "queue.Queue[str]":
    """Lines as the learner types them; at the end of input nothing more comes."""
    lines: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        for line in sys.stdin:
            lines.put(line.strip().lower())

    threading.Thread(target=listen, daemon=True).start()
    return lines
