"""The workflows of GitHub. They have not run yet: these tests hold what can be known without running them."""

import os
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pytest
import yaml

from course import ROOT
from course.classroom import sandbox

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40}  # v\d")
FAILING = """
def test_sums():
    assert 1 + 1 == 3, "100% sure"
"""


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_to_a_commit_and_rights_are_named(path):
    text = path.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if "uses:" in line and not PINNED.search(line)] == []
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


def test_each_action_has_one_commit_in_all_workflows():
    commits = {}
    for path in WORKFLOWS:
        for name, commit in re.findall(r"uses: (\S+)@(\w+)", path.read_text(encoding="utf-8")):
            commits.setdefault(name, set()).add(commit)
    assert {name for name, found in commits.items() if len(found) > 1} == set()


def test_the_canary_tries_all_of_it_also_when_a_test_has_failed():
    workflow = yaml.safe_load((ROOT / ".github/workflows/newest.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["newest"]["steps"]
    commands = [step.get("run", "") for step in steps]
    place = commands.index(".ci/run")
    assert commands.index("make lock") < place
    gates = steps[place + 1 :]
    assert len(gates) >= 9
    assert [step["run"] for step in gates if step.get("if") != "!cancelled()"] == []
    [moved] = [step for step in gates if "benchmarks.moved" in step["run"]]
    assert moved["run"].endswith('| tee "$GITHUB_STEP_SUMMARY"')


@pytest.mark.skipif(shutil.which("bash") is None, reason="this system has no bash")
@pytest.mark.parametrize(
    ("user", "asked"),
    [
        (0, ["apt-get update", "apt-get install -y -qq bubblewrap chromium"]),
        (1001, ["sudo apt-get update", "sudo apt-get install -y -qq bubblewrap"]),
    ],
)
def test_ci_installs_the_sandbox_whoever_runs_it(user, asked, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    log = tmp_path / "log"
    bodies = {
        "id": f"echo {user}",
        "apt-get": f'echo "$BY$0 $*" >> {log}',
        "sudo": '[ "$1" = -n ] && shift && BY="sudo " "$@"',
        "make": "",
    }
    for name, body in bodies.items():
        (programs / name).write_text(f"#!{shutil.which('bash')}\n{body}\n")
        (programs / name).chmod(0o755)
    for name in ("bash", "dirname", "env", "true"):
        (programs / name).symlink_to(shutil.which(name))
    (tmp_path / ".nbgrader" / "bin").mkdir(parents=True)
    (tmp_path / ".nbgrader" / "bin" / "nbgrader").symlink_to(programs / "make")
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    subprocess.run([tmp_path / ".ci" / "run"], env={"PATH": str(programs), "BY": ""}, check=True)
    said = log.read_text().replace(f"{programs}/", "").replace("update -qq", "update")
    assert said.splitlines() == asked


@pytest.mark.skipif(
    "CI" not in os.environ or sys.platform != "linux", reason="this is not CI on Linux"
)
def test_in_ci_the_sandbox_is_there_so_that_its_tests_do_not_skip():
    assert sandbox.found()


def test_a_failure_is_annotated_at_its_line_and_stands_in_the_junit_file(tmp_path):
    (tmp_path / "test_it.py").write_text(FAILING, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tests.annotations", "--junitxml", "junit.xml"]
    environment = {"GITHUB_ACTIONS": "true", "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (
        "::error file=test_it.py,line=3,title=test_sums::AssertionError: 100%25 sure%0Aassert"
        in run.stdout
    )
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]
    assert suite.get("failures") == "1"
