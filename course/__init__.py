"""The package of the course. Each room has one purpose, and arrows run one way.

lesson, cells, parameters, catalog, claims, evidence, exercises, stubs, drawn, outputs, data, figure, plots, sketch,
files, machine
    the protocol of every lesson: what a lesson is, and what any lesson may import
training/    Keras helpers that several lessons use: fast fit, metrics, checkpoints
topics/      what one lesson alone uses; each docstring names its lesson
kernels/     warm kernels; knows nothing of lessons
runs/        one notebook, many notebooks: runner, records, plan, cluster, report
learner/     what a learner owns: their copy of the notebooks, practice, progress
classroom/   what an instructor needs for a class: variants, sandbox, grading, gradebook
book/        the course as a site, from what is stored
authoring/   from lessons/ to notebooks/: source, notebook, build, measure
cli/         the command `course`: reads what was typed, calls, prints

cli -> book, classroom -> learner -> authoring -> runs -> kernels, and topics -> training -> the protocol; nothing that
a lesson imports reaches the tools (import-linter holds this, in pyproject.toml); lesson 19, which teaches a search by
runs, takes `course.runs` itself. Importing `course` itself loads nothing else.
"""

from pathlib import Path

_HERE = Path(__file__).resolve().parent
_CONTENT = (
    _HERE / "content"
)  # lessons, notebooks and data where the course is installed without its checkout
ROOT = _CONTENT if _CONTENT.is_dir() else _HERE.parent  # lessons/, notebooks/ and data/ stand in it
INSTALLED = ROOT == _CONTENT
