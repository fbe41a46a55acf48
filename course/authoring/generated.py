"""Files made from others: environment.yml from pyproject.toml; from the lessons the README's table and the pages."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from course import ROOT, catalog
from course.authoring import glossary, start
from course.authoring.links import GLOSSARY, START
from course.catalog import all_lessons
from course.files import write_whole

TABLE = re.compile(r"(<!-- lessons -->\n).*?(<!-- /lessons -->)", re.DOTALL)


def generated() -> dict[Path, str]:
    """Return what each generated file must hold."""
    readme = ROOT / "README.md"
    table = "\n".join(_table()) + "\n"
    text = TABLE.sub(lambda found: found[1] + table + found[2], readme.read_text(encoding="utf-8"))
    pages = {catalog.NOTEBOOKS / START: start.page(), catalog.NOTEBOOKS / GLOSSARY: glossary.page()}
    return {ROOT / "environment.yml": _environment(), readme: text} | pages


def write_all() -> None:
    """Write every generated file that differs from its source."""
    for path, text in generated().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_whole(path, text)


def differences() -> Iterator[str]:
    """Name the generated files that no longer equal their sources."""
    for path, text in generated().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            yield f"{path.name}: is not what its source makes; run: course build"


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
    yield "| | Lesson | You learn to ... | Runs in | fast |"
    yield "| --- | --- | --- | --- | --- |"
    for lesson in all_lessons():
        full, fast = (f"{seconds:.0f} s" if (seconds := lesson.seconds(mode)) else "" for mode in ("full", "fast"))
        title = f"[{lesson.header['title']}](notebooks/{lesson.name}.ipynb)"
        yield f"| {lesson.number} | {title} | {lesson.header['objectives'][0]} | {full} | {fast} |"
