"""The recipes for other places parse, and call what there is."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import yaml
from typer.testing import CliRunner

from course import ROOT
from course.cli.main import app

RECIPES = ROOT / "docs" / "recipes"
COMMAND = re.compile(r"(?:bin/|\")course (\w+)(.*)$", re.MULTILINE)


def options(command):
    """The long options that a command of the course takes, by its own help."""
    shown = CliRunner().invoke(app, [command, "--help"], terminal_width=200, color=False)
    assert shown.exit_code == 0, shown.output
    return set(re.findall(r"--[a-z-]+", shown.output))


def assert_callable(text):
    """Every command of the course in `text` is one, with options that it has."""
    found = COMMAND.findall(text)
    assert found
    for command, rest in found:
        used = {
            word for word in shlex.split(rest.split("&&")[0].split('"')[0]) if word.startswith("--")
        }
        assert used <= options(command), command


def test_the_workflow_for_github_classroom_grades_with_actions_of_a_fixed_commit():
    text = (RECIPES / "github_classroom.yml").read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    steps = workflow["jobs"]["grade"]["steps"]
    uses = [step["uses"] for step in steps if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each) for each in uses)
    assert_callable("\n".join(step.get("run", "") for step in steps))
    assert "bubblewrap" in text
    assert "Not tried" in text


def test_the_image_for_jupyterhub_has_instructions_that_docker_knows_and_files_that_there_are():
    text = (RECIPES / "jupyterhub.Dockerfile").read_text()
    lines = re.sub(r"\\\n", " ", text).splitlines()
    known = {"FROM", "RUN", "COPY", "USER", "WORKDIR", "ENV", "CMD"}
    assert {line.split()[0] for line in lines if not line.startswith("#")} == known
    assert (ROOT / "Makefile").exists()
    assert_callable(text)


def test_the_image_holds_what_the_set_up_needs_and_nothing_of_a_class():
    """By the rules of .dockerignore: the last line that fits a path decides."""
    rules = (ROOT / ".dockerignore").read_text().split()
    assert rules[0] == "*"
    held = {rule.removeprefix("!") for rule in rules[1:]}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    top = {Path(path).parts[0] for path in tracked}
    assert held <= top
    assert {"bootstrap.py", "Makefile", "requirements.lock", "pyproject.toml"} <= held
    assert {"course", "lessons", "notebooks", "data"} <= held


def test_the_image_says_that_it_was_not_tried():
    text = (RECIPES / "jupyterhub.Dockerfile").read_text()
    assert "Not tried" in text


def test_the_link_of_nbgitpuller_opens_a_page_that_there_is():
    text = (RECIPES / "nbgitpuller.md").read_text()
    (link,) = re.findall(r"https://HUB\S+", text)
    query = parse_qs(urlsplit(link).query)
    assert query["branch"] == ["main"]
    _, path = query["urlpath"][0].split("lab/tree/course/")
    assert (ROOT / path).exists()
    assert "Not tried" in text


def test_the_programs_for_clusters_are_python_and_their_commands_have_the_options():
    text = (RECIPES / "cluster.md").read_text()
    programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(programs) == 2
    for program in programs:
        names = {node.id for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Name)}
        assert "cluster" in names
    started = re.findall(r'worker_command="(\S+)|\["args"\] = \["(\S+)"', text)
    programs = {path.name for path in Path(sys.executable).parent.iterdir()}
    assert len(started) == 2
    assert all((worker or scheduler) in programs for worker, scheduler in started)
    for command, *used in re.findall(
        r"^    course (\w+) .*?(--\w+).*?(--\w+).*?(--\w+)", text, re.M
    ):
        assert set(used) <= options(command)
    assert "--scheduler" in options("assign")
    assert "Nobody has tried" in text
