"""One exercise after another, without scrolling: watches the notebook and judges what was saved.

Nothing here prints: the command `course practice` shows the lines. Each verdict and each hint shown is remembered
before it is told, so that whoever is killed finds the session as it was.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from course.catalog import LessonError, find
from course.learner import copies, progress
from course.learner.judge import Judge
from course.learner.merge import answer_in, own_cells
from course.learner.progress import Standing, judged_by, plain
from course.learner.reading import read

UNTOUCHED = "Replace the ... in its cell with your answer, and save."


def next_open(mine: Path, text: str | None = None, passed: Collection[str] = ()) -> str | None:
    """Return the first exercise that is not right: of the course, of a lesson such as "05", or "05.2" itself.

    Those in `passed` are left out. Raises LessonError when there is no such lesson or exercise.
    """
    if text and "." in text:
        lesson = find(text.partition(".")[0])
        name = f"{lesson.number}.{text.partition('.')[2]}"
        if name not in lesson.exercises:
            raise LessonError(f"exercise {text!r}: must be one of {', '.join(lesson.exercises)}")
        return name if name not in passed else None
    found = progress.standings(mine)
    names = find(text).exercises if text else found
    still_open = (name for name in names if found[name].outcome != "right")
    return next((name for name in still_open if name not in passed), None)


class Session:
    """Practice of one exercise in the learner's folder `mine`; use it in a `with`."""

    def __init__(self, mine: Path, exercise: str) -> None:
        self.mine = mine
        self.exercise = exercise
        self.notebook = mine / f"{find(exercise[:2]).name}.ipynb"
        self._judge: Judge | None = None
        self._seen: tuple[int, int] | None = None

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *how: object) -> None:
        if self._judge:
            self._judge.__exit__(None, None, None)

    @property
    def judge(self) -> Judge:
        """What judges the answers; asked for early, it is ready when the first one comes."""
        self._judge = self._judge or Judge(self.exercise)
        return self._judge

    @property
    def standing(self) -> Standing:
        return progress.remembered(self.mine).get(self.exercise, Standing())

    def look(self) -> Iterator[str]:
        """Judge the answer, if the file was saved since the last look, and it or a cell above is another; say how it
        stands.
        """
        try:
            status = self.notebook.stat()
        except FileNotFoundError:
            return
        if self._seen == (status.st_mtime_ns, status.st_size):
            return
        self._seen = status.st_mtime_ns, status.st_size
        notebook = read(self.notebook)
        if not notebook:  # an editor is still writing
            return
        answer = answer_in(notebook, self.exercise)
        now = judged_by(notebook, self.exercise)
        before = self.standing
        if not answer or now == before.answer:
            return
        verdict = self.judge.verdict(answer, own_cells(notebook, self.exercise))
        if verdict.outcome == "not attempted":
            verdict = replace(verdict, hints=(UNTOUCHED,))
        hints = tuple(map(plain, verdict.hints))
        known = hints[:1] == before.hints[:1]
        shown = max(1, before.shown) if known else min(1, len(hints))
        self._remember(Standing(verdict.outcome, now, hints, shown))
        yield from self.lines()

    def require_answer(self) -> None:
        """Raise LessonError where there is no answer that can be judged: its old verdict would pass for a new one."""
        if not self.notebook.exists():
            raise LessonError(f"{self.notebook}: there is no such notebook; course copy makes it")
        notebook = read(self.notebook)
        if not notebook:
            raise LessonError(f"{self.notebook}: cannot be read as a notebook")
        if not answer_in(notebook, self.exercise):
            raise LessonError(f"{self.notebook}: has no answer to {self.exercise}")

    def lines(self) -> Iterator[str]:
        """Say how the exercise stands, with the hints that the learner has seen."""
        standing = self.standing
        yield f"Exercise {self.exercise}: {standing.outcome}"
        yield from (f"  {hint}" for hint in standing.hints[: standing.shown])

    def hint(self) -> str:
        """Show one hint more."""
        standing = self.standing
        if standing.outcome == "right":
            return "No hint is needed: your answer is right."
        if standing.shown < len(standing.hints):
            self._remember(replace(standing, shown=standing.shown + 1))
            return standing.hints[standing.shown]
        if not standing.hints or standing.outcome == "not attempted":
            return "Write an answer and save it; hints come with a verdict."
        return f"That was the last hint. A solution is in solutions/{self.notebook.name}."

    def reset(self) -> str:
        """Put the stub back; the file as it was is kept."""
        kept = copies.reset(self.notebook, self.exercise)
        self._remember(Standing())
        return f"{self.exercise} is as it was handed out" + (
            f"; your file is kept in {kept.name}" if kept else ""
        )

    def _remember(self, standing: Standing) -> None:
        progress.remember(self.mine, {self.exercise: standing})
