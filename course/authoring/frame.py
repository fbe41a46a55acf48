"""What the build puts around a lesson's own cells: the opening, and the closing with the way on."""

from collections.abc import Iterator

from nbformat import NotebookNode, v4

from course.authoring.links import GLOSSARY, START, linked, to_lesson
from course.authoring.source import QUOTE, Source
from course.catalog import Edition, Lesson, all_lessons, times
from course.claims import stored

# Reading to learn, not to skim.
WORDS_A_MINUTE = 150
CODE_LINES_A_MINUTE = 15
MINUTES_AN_EXERCISE = 5
LIMITS = (
    10,
    20,
    30,
    45,
    60,
    90,
    120,
    180,
    300,
    600,
    900,
)  # seconds: a notebook need not change with every timing


def opening(source: Source, edition: Edition, up: str) -> NotebookNode:
    """Return the first cell: the way, and what the header says. `up` leads to the folder of the learner's notebooks."""
    header = source.header
    lines = [_way(source, edition, up), "", f"# {int(source.number)}. {header['title']}", ""]
    lines += [f"*Part {header['part']}*", "", "**After this lesson you can**", ""]
    lines += [*(f"- {item}" for item in header["objectives"]), ""]
    lines += [
        f"**Before you start:** {'; '.join(header['prerequisites'])}.",
        "",
        f"**Time:** {_time(source)}",
    ]
    if any(QUOTE.search(cell.source) for cell in source.cells if cell.kind == "markdown"):
        lines += ["", _how_to_read(source)]
    return v4.new_markdown_cell(linked("\n".join(lines), up), id=f"{source.number}-opening")


def _way(source: Source, edition: Edition, up: str) -> str:
    """Return the lesson before, the start page, and the lesson after; from solutions first of all the lesson itself."""
    before, after = _neighbors(source)
    links = [f"[Start page]({up}{START})"]
    if before:
        links.insert(0, f"← {named(before, up)}")
    if after:
        links.append(f"{named(after, up)} →")
    if edition == "solutions":
        links.insert(
            0, f"**Solved.** {to_lesson(Lesson(source.name), 'Back to your own notebook', up)}"
        )
    return " · ".join(links)


def _neighbors(source: Source) -> tuple[Lesson | None, Lesson | None]:
    lessons = all_lessons()
    place = lessons.index(Lesson(source.name))
    return lessons[place - 1] if place else None, lessons[place + 1] if place + 1 < len(
        lessons
    ) else None


def named(lesson: Lesson, up: str = "") -> str:
    """Return a link that bears number and short title of `lesson`."""
    return to_lesson(lesson, f"{lesson.number} {short_title(lesson)}", up)


def short_title(lesson: Lesson) -> str:
    """Return the title of `lesson` up to its colon."""
    return lesson.header["title"].partition(":")[0]


def closing(source: Source, edition: Edition, up: str) -> Iterator[NotebookNode]:
    """Give the last cells: further reading, how many exercises are right, and the way on."""
    reading = "\n".join(f"- {item}" for item in source.header["reading"])
    text = f"## Further reading\n\n{reading}\n\n## How far you are"
    yield v4.new_markdown_cell(linked(text, up), id=f"{source.number}-reading")
    code = f'from course.exercises import tally\n\ntally("{source.number}")'
    yield v4.new_code_cell(code, id=f"{source.number}-tally", metadata={"tags": ["tally"]})
    _, after = _neighbors(source)
    links = [f"**Next: {named(after, up)}**"] if after else ["**This was the last lesson.**"]
    if edition == "learner":
        links.append(to_lesson(Lesson(source.name), "This lesson, solved", "solutions/"))
    links += [f"[Start page]({up}{START})", f"[Glossary]({up}{GLOSSARY})"]
    yield v4.new_markdown_cell(" · ".join(links), id=f"{source.number}-onward")


def _how_to_read(source: Source) -> str:
    """How many runs stand behind the results that the prose quotes."""
    seeds = {
        len(entry["full"]["values"])
        for name, entry in stored().items()
        if name.startswith(f"{source.number}.") and "full" in entry
    }
    runs = f"{min(seeds)} runs with different seeds" if seeds else "many runs with different seeds"
    return (
        f"**Results** such as 0.752 (0.715 to 0.768) give the median of {runs} and, in parentheses, the smallest and "
        "the largest."
    )


def minutes(source: Source) -> tuple[int, int]:
    """Return the minutes to work through a lesson and those for its exercises, estimated from its text."""
    words = sum(len(cell.source.split()) for cell in source.cells if cell.kind == "markdown")
    worked = [cell for cell in source.cells if cell.kind == "code" and not cell.exercise]
    lines = sum(bool(line.strip()) for cell in worked for line in cell.source.splitlines())
    reading = words / WORDS_A_MINUTE + lines / CODE_LINES_A_MINUTE
    return _round(reading), _round(len(source.exercises) * MINUTES_AN_EXERCISE)


def _time(source: Source) -> str:
    """Return reading and exercise time estimated from the text, run time as measured."""
    reading, exercises = minutes(source)
    text = f"about {reading} minutes to work through and {exercises} for the exercises"
    modes = ("full", "fast")
    measured = times().get(source.number, {})
    if measured.keys() >= set(modes):  # a lesson may have its costs and not yet its times
        full, fast = (next(limit for limit in LIMITS if measured[mode] < limit) for mode in modes)
        quick = f" ({fast} with `fast = True`)" if fast < full else ""
        text += f"; the code itself runs in less than {full} seconds{quick} on two cores"
    return text + "."


def _round(minutes: float) -> int:
    return max(5, 5 * round(minutes / 5))
