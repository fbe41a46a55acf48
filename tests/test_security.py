"""What SECURITY.md says of the source is so: no pickle, no eval, no shell, no unsafe loading."""

import ast

import pytest

from course import ROOT

MODULES = sorted((ROOT / "course").rglob("*.py"))
FORBIDDEN = {
    "eval",
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell",
    "yaml.load",
    "yaml.load_all",
}
ANYWHERE = {"read_pickle", "unsafe_load", "full_load", "enable_unsafe_deserialization"}
UNSAFE = {"pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib", "runpy"}
SAFE = {"shell": "False", "allow_pickle": "False", "safe_mode": "True"}  # options that loosen
EXECUTING = {
    "course/answers.py",  # answers, with the cells above that they use
    "course/authoring/slice.py",  # cells of a lesson, for its author
    "course/classroom/inside.py",  # what an exercise rests on, in the sandbox
    "course/classroom/key.py",  # what a lesson's checks rest on, for the grader
    "course/exercises.py",  # the checks and solutions of a lesson
}


def imported(tree):
    """What each name of a module stands for, such as pd for pandas and system for os.system."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        if isinstance(node, ast.ImportFrom):
            names |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return names


def called(node, names):
    """The whole name of what is called."""
    first, *rest = ast.unparse(node.func).split(".")
    return ".".join([names.get(first, first), *rest]).removeprefix("builtins.")


def unsafe(text, *, may_execute=False):
    """What in a module's source is forbidden."""
    found = []
    tree = ast.parse(text)
    names_of = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [name for name in names if name.split(".")[0].lstrip("_") in UNSAFE]
        if isinstance(node, ast.Call):
            name = called(node, names_of)
            options = {each.arg: ast.unparse(each.value) for each in node.keywords}
            if name == "numpy.load":
                options |= zip(
                    ("file", "mmap_mode", "allow_pickle"), map(ast.unparse, node.args), strict=False
                )
            wrong = name in FORBIDDEN or name.split(".")[-1] in ANYWHERE
            wrong |= name == "exec" and not may_execute
            wrong |= any(options.get(option, safe) != safe for option, safe in SAFE.items())
            if wrong:
                found.append(ast.unparse(node))
    return found


def test_no_module_loads_or_runs_what_it_should_not():
    assert len(MODULES) > 80
    wrong = {}
    for path in MODULES:
        name = path.relative_to(ROOT).as_posix()
        if found := unsafe(path.read_text(encoding="utf-8"), may_execute=name in EXECUTING):
            wrong[name] = found
    assert wrong == {}


def test_security_md_counts_the_modules_that_run_cells():
    words = ("no", "one", "two", "three", "four", "five", "six", "seven")
    said = f"lessons' own cells, in {words[len(EXECUTING)]} modules"
    assert said in (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    for name in EXECUTING:
        assert "exec(" in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "exec(text)",
        "subprocess.run(text, shell=True)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text)",
        "os.system(text)",
        "import pandas as pd\npd.read_pickle(path)",
        "from os import system\nsystem(text)",
        "from os import popen as start\nstart(text)",
        "from yaml import load\nload(text)",
        "import numpy as np\nnp.load(path, None, True)",
        "keras.models.load_model(path, safe_mode=False)",
        "subprocess.getoutput(text)",
        "import builtins\nbuiltins.exec(text)",
        "import runpy",
        "import _pickle",
    ],
)
def test_each_of_these_would_be_found(text):
    assert unsafe(text)


@pytest.mark.parametrize(
    "text",
    [
        "import platform\nplatform.system()",
        "import json\njson.load(file)",
        "import numpy as np\nnp.load(path, None, False)",
        "yaml.safe_load(text)",
        "model.eval()",
    ],
)
def test_what_only_looks_like_these_is_none(text):
    assert unsafe(text) == []
