"""Files made from others: environment.yml from pyproject.toml, from the lessons the pages and parts of the README."""

import base64
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from course import ROOT, catalog
from course.authoring import glossary, start
from course.authoring.frame import minutes
from course.authoring.links import GLOSSARY, START
from course.authoring.notebook import stored
from course.authoring.source import read
from course.catalog import LessonError, all_lessons, find
from course.files import write_whole

PART = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- /\2 -->)", re.DOTALL)  # of the README
PICTURE = (
    "04",
    "No remedy: one curve falls, one turns",
)  # the lesson and the title of the figure that the README shows


def generated() -> dict[Path, bytes]:
    """Return what each generated file must hold. Raises LessonError when the picture's notebook was not built."""
    alt, picture = _picture()
    parts = {"lessons": "\n".join(_table()), "picture": f"![{alt}](picture.png)"}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    texts = {
        ROOT / "environment.yml": _environment(),
        ROOT / "README.md": PART.sub(
            lambda found: f"{found[1]}{parts[found[2]]}\n{found[3]}", readme
        ),
        catalog.NOTEBOOKS / START: start.page(),
        catalog.NOTEBOOKS / GLOSSARY: glossary.page(),
    }
    return {path: text.encode() for path, text in texts.items()} | {ROOT / "picture.png": picture}


def write_all() -> None:
    """Write every generated file that differs from its source."""
    for path, content in generated().items():
        if not path.exists() or path.read_bytes() != content:
            write_whole(path, content)


def differences() -> Iterator[str]:
    """Name the generated files that no longer equal their sources."""
    for path, content in generated().items():
        if not path.exists() or path.read_bytes() != content:
            yield f"{path.name}: is not what its source makes; run: course build"


def _picture() -> tuple[str, bytes]:
    """Return the README's figure as its lesson's notebook shows it: in words, and as PNG."""
    number, title = PICTURE
    path = find(number).notebook("solutions")
    for cell in stored(path).cells:
        for output in cell.get("outputs", []):
            image = output.get("metadata", {}).get("image/png", {})
            if image.get("alt", "").startswith(f"{title}."):
                return image["alt"], base64.b64decode(output["data"]["image/png"])
    raise LessonError(
        f"{path.name}: has no figure {title!r}, which the README shows; run: course build {number}"
    )


def _environment() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packages = [re.sub(r"(?=[<>=])", " ", spec, count=1) for spec in project["dependencies"]]
    lines = [
        "# Made from pyproject.toml by `course build`; not to be edited by hand.",
        "# conda env create -f environment.yml && conda activate course && python -m course.kernels.kernelspec",
        "name: course",
        "channels: [conda-forge, nodefaults]",
        "dependencies:",
        f'  - "python {project["requires-python"]}"',
        "  - pip",
        *(f'  - "{spec}"' for spec in packages),
        "  - pip:",
        "      - -e .",
    ]
    return "\n".join(lines) + "\n"


def _table() -> Iterator[str]:
    asked = {lesson: sum(minutes(read(lesson.name))) for lesson in all_lessons()}
    yield "| | Lesson | You learn to ... | Minutes |"
    yield "| --- | --- | --- | ---: |"
    for lesson in asked:
        title = f"[{lesson.header['title']}](notebooks/{lesson.name}.ipynb)"
        yield f"| {lesson.number} | {title} | {lesson.header['objectives'][0]} | {asked[lesson]} |"
    yield ""
    hours = sum(asked.values()) / 60
    yield f"{len(asked)} lessons, about {hours:.0f} hours in all with their exercises (estimated from the text)."
