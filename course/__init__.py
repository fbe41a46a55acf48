"""The package of the course. Each room has one purpose, and arrows run one way.

lesson, cells, parameters, catalog, claims, exercises, drawn, data, figure, plots, files
    the protocol of every lesson: what a lesson is, and what any lesson may import
training/    Keras helpers that several lessons use: fast fit, metrics, checkpoints
topics/      what one lesson alone uses; each docstring names its lesson
kernels/     warm kernels; knows nothing of lessons
runs/        one notebook, many notebooks: runner, records, plan, cluster, report
learner/     what a learner owns: their copy of the notebooks, practice, progress
authoring/   from lessons/ to notebooks/: source, notebook, build, measure
cli/         the command `course`: reads what was typed, calls, prints

cli -> authoring, learner -> runs -> kernels, and topics -> training -> the protocol; nothing that a lesson imports
reaches the tools (import-linter holds this, in pyproject.toml). Importing `course` itself loads nothing else.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # lessons/, notebooks/ and data/ stand beside the package
