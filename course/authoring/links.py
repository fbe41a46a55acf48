"""Links that the build sets into prose, so that authors type none: lessons, DOIs, arXiv numbers, terms.

Prose is what stands outside code, formulas, links, tags and addresses. All links are relative and lead to files as
they lie in notebooks/ and in a learner's folder; `up` is the way there, "../" from solutions/.
"""

import re
from collections.abc import Callable
from urllib.parse import quote

from course.catalog import Lesson, LessonError, all_lessons

START = "START.md"
GLOSSARY = "GLOSSARY.md"
NOT_PROSE = re.compile(
    r"^```.*?^```|^    .*?$|`[^`]*`|\$\$.*?\$\$|\$[^$]+\$|!?\[[^\]]*\]\([^)]*\)|</?[a-z][^>]*>|https?://\S+",
    re.DOTALL | re.MULTILINE,
)
LESSONS = re.compile(r"\b([Ll]essons?)(\s+)(\d\d(?:(?:,|,? and|,? or| to)\s+\d\d)*)\b(?!\.\d)")
DOI = re.compile(r"\bdoi:(10\.\d{4,9}/[^\s]*[^\s,;.)\"])")
ARXIV = re.compile(r"\barXiv:(\d{4}\.\d{4,5})\b")


def in_prose(text: str, change: Callable[[str], str]) -> str:
    """Return Markdown `text` with every stretch of prose changed, and all else as it was."""
    parts: list[str] = []
    end = 0
    for found in NOT_PROSE.finditer(text):
        parts += [change(text[end : found.start()]), found[0]]
        end = found.end()
    return "".join([*parts, change(text[end:])])


def linked(text: str, up: str = "") -> str:
    """Return `text` with a link at every lesson, DOI and arXiv number. Raises LessonError for a lesson there is not."""

    def link(prose: str) -> str:
        prose = LESSONS.sub(lambda found: _lessons(found, up), prose)
        prose = DOI.sub(lambda found: f"[{found[0]}](https://doi.org/{quote(found[1])})", prose)
        return ARXIV.sub(r"[arXiv:\1](https://arxiv.org/abs/\1)", prose)

    return in_prose(text, link)


def to_lesson(lesson: Lesson, words: str, up: str = "") -> str:
    """Return a link to the learner's notebook of `lesson`: who follows it from a solution is not given the next one."""
    return f"[{words}]({up}{lesson.name}.ipynb)"


def heading_id(heading: str) -> str:
    """Return the name by which code hosts and Sphinx know a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _lessons(found: re.Match, up: str) -> str:
    word, space, numbers = found.groups()
    lessons = {lesson.number: lesson for lesson in all_lessons()}
    for number in re.findall(r"\d\d", numbers):
        if number not in lessons:
            raise LessonError(f"{found[0]!r}: must be one of {', '.join(lessons)}")
    if len(numbers) == 2:
        return to_lesson(lessons[numbers], f"{word}{space}{numbers}", up)
    return f"{word}{space}" + re.sub(
        r"\d\d", lambda each: to_lesson(lessons[each[0]], each[0], up), numbers
    )
