"""What a checkout and a set-up must bear: any way of checking out, any working directory, another Python."""

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement

import bootstrap
from course import ROOT

IMPORT = "from course import ROOT"


def run(command, **options):
    """Run a command and return what it printed; fails with its messages when it does."""
    done = subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, encoding="utf-8", **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(
    not (ROOT / ".git").exists() or not shutil.which("git"), reason="not checked out by git"
)
def test_a_checkout_by_a_git_that_writes_crlf_holds_the_same_bytes(tmp_path):
    clone = tmp_path / "clone"
    run(["git", "clone", "--quiet", "-c", "core.autocrlf=true", "-c", "core.eol=crlf", ROOT, clone])
    sums = dict(
        line.split()[::-1] for line in (clone / "data" / "SHA256SUMS").read_text().splitlines()
    )
    assert {
        name: hashlib.sha256((clone / "data" / name).read_bytes()).hexdigest() for name in sums
    } == sums
    for name in filter(None, run(["git", "ls-files", "-z"], cwd=clone).split("\0")):
        stored = subprocess.run(
            ["git", "show", f"HEAD:{name}"], cwd=clone, capture_output=True, check=True
        ).stdout
        assert (clone / name).read_bytes() == stored, name


def test_an_empty_folder_named_course_does_not_hide_the_package(tmp_path):
    (tmp_path / "course").mkdir()
    (tmp_path / "test_it.py").write_text(
        f"{IMPORT}\n\ndef test_it():\n    assert ROOT.is_dir()\n", encoding="utf-8"
    )
    cells = [nbformat.v4.new_code_cell(f"{IMPORT}\nprint(ROOT)")]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), tmp_path / "it.ipynb")

    assert run([sys.executable, "-c", f"{IMPORT}; print(ROOT)"], cwd=tmp_path) == f"{ROOT}\n"
    assert "sweep" in run([Path(sysconfig.get_path("scripts"), "course"), "--help"], cwd=tmp_path)
    assert "1 passed" in run([sys.executable, "-m", "pytest", "test_it.py"], cwd=tmp_path)
    run([sys.executable, "-m", "jupyter", "execute", "--inplace", "it.ipynb"], cwd=tmp_path)
    assert (
        nbformat.read(tmp_path / "it.ipynb", as_version=4).cells[0].outputs[0].text == f"{ROOT}\n"
    )


def test_an_environment_of_another_python_or_a_broken_one_is_made_anew(
    tmp_path, monkeypatch, capsys
):
    programs = [shutil.which(f"python3.{minor}") for minor in (11, 12, 13)]
    others = [
        each
        for each in programs
        if each and bootstrap.version_of(each) not in ("", bootstrap.VERSION)
    ]
    if not others:
        pytest.skip("no other Python is installed")
    environment = tmp_path / ".venv"
    python = environment / bootstrap.PYTHON.relative_to(bootstrap.ENVIRONMENT)
    for name, path in (
        ("ENVIRONMENT", environment),
        ("PYTHON", python),
        ("READY", environment / ".ready"),
    ):
        monkeypatch.setattr(bootstrap, name, path)
    run([others[0], "-m", "venv", "--without-pip", environment])
    (environment / ".ready").touch()
    other = bootstrap.version_of(python)

    bootstrap.make_environment()
    assert bootstrap.version_of(python) == bootstrap.VERSION != other
    assert f"with Python {bootstrap.VERSION} in place of {other} ..." in capsys.readouterr().out
    assert run([python, "-m", "pip", "--version"])
    assert not (environment / ".ready").exists()
    (environment / ".ready").touch()
    bootstrap.make_environment()
    assert capsys.readouterr().out == ""
    python.unlink()
    python.write_text("not a program")
    bootstrap.make_environment()
    assert bootstrap.version_of(python) == bootstrap.VERSION


@pytest.mark.parametrize(("where", "anew"), [(bootstrap.ROOT, False), (Path("/elsewhere"), True)])
def test_a_folder_that_was_moved_has_its_programs_written_anew(tmp_path, monkeypatch, where, anew):
    ran = []
    monkeypatch.setattr(bootstrap, "READY", tmp_path / "ready")
    monkeypatch.setattr(bootstrap, "run", ran.append)
    monkeypatch.setattr(bootstrap, "make_environment", lambda: None)
    (tmp_path / "ready").write_text(f"an older lock\n{where}\n", encoding="utf-8")
    bootstrap.set_up()
    (sync,) = (command for command in ran if "sync" in command)
    assert ("--reinstall" in sync) is anew
    ran.clear()
    bootstrap.set_up()
    assert not ran


def interrupted(command):
    if "sync" in command:
        raise subprocess.CalledProcessError(1, command)


@pytest.mark.parametrize("where", [bootstrap.ROOT, Path("/elsewhere")])
def test_after_an_update_that_was_interrupted_the_older_lock_is_set_up_again(
    tmp_path, monkeypatch, where
):
    ran = []
    monkeypatch.setattr(bootstrap, "READY", tmp_path / "ready")
    monkeypatch.setattr(bootstrap, "run", lambda command: None)
    monkeypatch.setattr(bootstrap, "make_environment", lambda: None)
    bootstrap.READY.write_text("an older lock", encoding="utf-8")
    bootstrap.set_up()
    older = bootstrap.READY.read_text(encoding="utf-8").replace(f"{bootstrap.ROOT}", f"{where}")
    bootstrap.READY.write_text(older, encoding="utf-8")
    monkeypatch.setattr(bootstrap, "run", interrupted)
    inputs = bootstrap.INPUTS
    monkeypatch.setattr(bootstrap, "INPUTS", inputs[:1])  # another lock
    with pytest.raises(subprocess.CalledProcessError):
        bootstrap.set_up()
    monkeypatch.setattr(bootstrap, "INPUTS", inputs)
    monkeypatch.setattr(bootstrap, "run", ran.append)
    bootstrap.set_up()
    (sync,) = (command for command in ran if "sync" in command)
    assert ("--reinstall" in sync) is (where != bootstrap.ROOT)


@pytest.mark.skipif(sys.platform == "win32" or not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize(
    ("target", "python"), [(sys.executable, ".venv/bin/python"), ("/no", "python3")]
)
def test_make_sets_up_with_another_python_where_that_of_the_environment_has_gone(
    tmp_path, target, python
):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / ".ready").touch()
    (tmp_path / ".venv" / "bin" / "python").symlink_to(target)
    setup = run(["make", "--dry-run", "setup"], cwd=tmp_path, env={"PATH": os.environ["PATH"]})
    assert setup.split() == [python, "bootstrap.py"]


def test_extras_are_those_declared_each_in_one_version_and_any_other_is_refused(
    monkeypatch, capsys
):
    declared = importlib.metadata.requires("course")
    for extra in ("browser", "jax", "torch", "orbax", "tensorboard"):
        wanted = {str(Requirement(text)) for text in bootstrap.requirements([extra])}
        assert wanted == {
            text.partition(";")[0].strip() for text in declared if f'extra == "{extra}"' in text
        }
        assert all("==" in text for text in wanted)
    assert bootstrap.requirements([]) == []
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "browsers"])
    with pytest.raises(
        SystemExit,
        match="browsers: no such extra; must be one of test, book, browser, jax, torch, orbax",
    ):
        bootstrap.main()


def test_the_citation_names_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == importlib.metadata.version("course")
