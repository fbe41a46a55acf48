import re
import tomllib

import yaml
from rattler import MatchSpec

from course import ROOT
from course.authoring.generated import generated


def environment():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def test_every_conda_spec_is_one_that_conda_can_read():
    specs = [spec for spec in environment()["dependencies"] if isinstance(spec, str)]
    parsed = [MatchSpec(spec, strict=True) for spec in specs]
    assert len(parsed) > 15
    assert all(spec.name is not None for spec in parsed)


def test_conda_and_pip_users_get_the_same_packages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    specs = [spec for spec in environment()["dependencies"] if isinstance(spec, str)]
    assert {spec.replace(" ", "") for spec in specs} == {
        *project["dependencies"],
        "python" + project["requires-python"],
        "pip",
    }


def test_generated_files_equal_their_sources():
    for path, content in generated().items():
        assert path.read_bytes() == content, path.name


def test_the_readme_shows_a_small_picture_of_a_lesson_and_says_what_it_shows():
    picture = (ROOT / "picture.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 60_000
    [alt] = re.findall(
        r"^!\[(.+)\]\(picture\.png\)$",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert re.search(r"training falls from .* validation rises from", alt)


def test_the_lock_covers_every_dependency_with_hashes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for spec in project["dependencies"] + project["optional-dependencies"]["test"]:
        name = spec.split(">")[0]
        assert f"\n{name}==" in f"\n{lock}", name
    assert lock.count("--hash=sha256:") > lock.count("==")
