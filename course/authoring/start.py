"""The page on which a learner begins: what the course asks and gives, its lessons, and how far they have come."""

from collections.abc import Iterator, Mapping
from itertools import groupby

from course.authoring.frame import minutes, named
from course.authoring.links import linked
from course.authoring.source import Source, read
from course.catalog import Lesson, all_lessons

AUDIENCE = """\
**For whom.** You write Python and want to know what happens when a network trains: what the numbers on the screen mean,
when to trust them, and what to do when they are wrong.

**What you need.** Python functions and loops, NumPy arrays and matrix products, and the derivative of x squared.
Lesson 01 also uses eigenvalues. You need not have trained a network before.
"""
HOW = """\
## How a lesson works

- Run the cells from the top with Shift+Enter. Where a lesson says **Predict before you run**, write your prediction
  down first. The answer is folded behind **Then open**.
- An exercise has a cell with `...` in it and a folded check below. Write your answer, run both cells, and the check
  says whether it is right, or gives you a hint.
- With `fast = True` in a lesson's first code cell, every step is shorter: less data, or fewer passes over it.
- A link at the end of each lesson leads to its solutions.

## If you need help

- What does this word mean? The [glossary](GLOSSARY.md) explains each term in one sentence.
- A cell fails? Choose *Kernel > Restart Kernel and Run up to Selected Cell*: an earlier cell may not have run.
- Nothing works? Run `.venv/bin/course doctor` in the course's folder. It says what is wrong. Include its output if
  you open an issue.
"""


def page(right: Mapping[str, int] | None = None) -> str:
    """Return the start page as Markdown. `right` says of each lesson, by name, how many exercises are right."""
    done = right or {}
    sources = {lesson: read(lesson.name) for lesson in all_lessons()}
    hours = sum(sum(minutes(source)) for source in sources.values()) / 60
    lines = ["# Training neural networks, hands on", "", AUDIENCE]
    lines += [
        f"**How long.** {len(sources)} lessons, about {hours:.0f} hours in all. Take them in order.",
        "",
    ]
    lines += [f"**{_onward(sources, done)}**", ""]
    for part, group in groupby(sources.items(), key=lambda item: item[1].header["part"]):
        number, name = part.split(maxsplit=1)
        lines += [f"## Part {number}: {name}", "", *_table(dict(group), done), ""]
    lines += [
        "Your progress is counted each time the lab starts, from the notebooks that you have saved.",
        "",
    ]
    return linked("\n".join(lines) + "\n" + HOW)


def _onward(sources: Mapping[Lesson, Source], right: Mapping[str, int]) -> str:
    for lesson, source in sources.items():
        if right.get(lesson.name, 0) < len(source.exercises):
            verb = "Go on" if any(right.values()) else "Begin"
            return f"{verb} here: {named(lesson)}"
    return "You have done every exercise of the course."


def _table(sources: Mapping[Lesson, Source], right: Mapping[str, int]) -> Iterator[str]:
    yield "| Exercises | Lesson | Minutes | After it you can ... |"
    yield "| :--- | :--- | ---: | :--- |"
    for lesson, source in sources.items():
        found = right.get(lesson.name, 0)
        total = len(source.exercises)
        tick = f"✓ {found} of {total}" if found >= total else f"{found} of {total}"
        yield f"| {tick} | {named(lesson)} | {sum(minutes(source))} | {source.header['objectives'][0]} |"
