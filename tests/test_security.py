"""What SECURITY.md says of the source is so: no pickle, no eval, no shell, no unsafe loading."""

import ast

import pytest

from course import ROOT

MODULES = sorted((ROOT / "course").rglob("*.py"))
FORBIDDEN = {"eval", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "pandas.read_pickle"}
UNSAFE = {"pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib"}
EXECUTING = {
    "course/answers.py",  # answers, with the cells above that they use
    "course/authoring/slice.py",  # cells of a lesson, for its author
    "course/classroom/inside.py",  # what an exercise rests on, in the sandbox
    "course/classroom/key.py",  # what a lesson's checks rest on, for the grader
    "course/exercises.py",  # the checks and solutions of a lesson
}


def unsafe(text, *, may_execute=False):
    """What in a module's source is forbidden."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [name for name in names if name.split(".")[0] in UNSAFE]
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            options = {each.arg: ast.unparse(each.value) for each in node.keywords}
            wrong = name in FORBIDDEN or (name == "exec" and not may_execute)
            wrong |= options.get("shell", "False") != "False"
            wrong |= options.get("allow_pickle", "False") != "False"
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
    ],
)
def test_each_of_these_would_be_found(text):
    assert unsafe(text)
