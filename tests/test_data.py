import gzip
import hashlib
import shutil
import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from course import data

PUBLISHED = {  # the MD5 sums of the four uncompressed MNIST files, known everywhere
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
ROWS = {"auto_mpg": 398, "concrete": 1030, "yacht": 308, "linreg_plane": 1000, "penguins": 344}
ROWS |= {"wine_quality": 6497, "hypothyroid": 3163, "abalone": 4177}
ROWS |= {"debian_programs": 4625, "debian_checked": 60}
COPIES = {"concrete": 25, "wine_quality": 1177, "hypothyroid": 77}


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    """A copy of one table's folder that a test may damage."""
    shutil.copytree(data.DATA / "tables", tmp_path / "tables")
    shutil.copy(data.DATA / "SHA256SUMS", tmp_path)
    monkeypatch.setattr(data, "DATA", tmp_path)
    data.verified.cache_clear()
    yield tmp_path
    data.verified.cache_clear()


@pytest.mark.parametrize(("name", "md5"), PUBLISHED.items())
def test_mnist_is_the_published_mnist(name, md5):
    content = gzip.decompress((data.DATA / "mnist" / f"{name}.gz").read_bytes())
    assert hashlib.md5(content).hexdigest() == md5


def test_images_come_in_three_parts_with_documented_shapes():
    mnist = data.load("mnist")
    shapes = [part.shape for part in (mnist.x_train, mnist.x_validation, mnist.x_test)]
    assert shapes == [(50_000, 28, 28), (10_000, 28, 28), (10_000, 28, 28)]
    assert mnist.x_train.dtype == mnist.y_train.dtype == np.uint8
    assert np.bincount(np.concatenate([mnist.y_train, mnist.y_validation])).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert [
        len(part)
        for part in (data.load("mnist", fast=True).x_train, data.load("mnist", fast=True).y_test)
    ] == [
        5000,
        1000,
    ]


@pytest.mark.parametrize("name", ROWS)
def test_exact_copies_of_rows_are_counted_named_and_on_one_side_of_the_split(name):
    copies = int(data.table(name).duplicated().sum())
    assert copies == COPIES.get(name, 0)
    line = next(
        each
        for each in (data.DATA / "DATASETS.md").read_text().splitlines()
        if f"tables/{name}.csv" in each
    )
    assert (f"{copies} duplicate rows" in line) == bool(copies)
    parts = data.load(name)
    sides = [
        parts.x_train.assign(target=parts.y_train),
        parts.x_validation.assign(target=parts.y_validation),
    ]
    sides.append(parts.x_test.assign(target=parts.y_test))
    together = pd.concat(side.drop_duplicates() for side in sides)
    assert not together.duplicated().any()


@pytest.mark.parametrize(("name", "rows"), ROWS.items())
def test_a_table_is_split_without_loss_or_overlap_and_always_the_same_way(name, rows):
    first = data.load(name)
    second = data.load(name)
    parts = [first.x_train.index, first.x_validation.index, first.x_test.index]
    copies = data.table(name).duplicated()
    assert sorted(np.concatenate(parts)) == list(np.flatnonzero(~copies))
    assert len(copies) == rows
    assert first.x_test.index.equals(second.x_test.index)
    assert first.y_test.index.equals(first.x_test.index)


@pytest.mark.parametrize(
    ("name", "digests"),
    [
        ("yacht", ["c3bf2878e808", "326003727537", "33553dd38632"]),
        ("penguins", ["27a55dca3496", "ac88847310f6", "6f2a4f0818b7"]),
    ],
)
def test_the_rows_of_each_part_are_those_that_the_courses_results_were_measured_on(name, digests):
    found = data.load(name)
    parts = (found.x_train, found.x_validation, found.x_test)
    rows = [part.index.to_numpy("int64").tobytes() for part in parts]
    assert [hashlib.sha256(each).hexdigest()[:12] for each in rows] == digests


def test_a_rare_class_has_its_share_in_every_part():
    thyroid = data.load("hypothyroid")
    shares = [
        (part == 1).mean() for part in (thyroid.y_train, thyroid.y_validation, thyroid.y_test)
    ]
    rows = (data.DATA / "tables" / "hypothyroid.csv").read_text().splitlines()[1:]
    ill = set(rows[:151])  # the first rows of the file; a set holds no copies
    assert shares == pytest.approx([len(ill) / len(set(rows))] * 3, abs=0.001)


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-10], lambda content: content.replace(b"1", b"2", 1)]
)
def test_a_damaged_file_is_named_with_both_sums_and_the_cure(own_data, damage):
    path = own_data / "tables" / "yacht.csv"
    content = damage(path.read_bytes())
    path.write_bytes(content)
    expected = hashlib.sha256(
        (data.ROOT / "data" / "tables" / "yacht.csv").read_bytes()
    ).hexdigest()
    with pytest.raises(data.DataError) as refused:
        data.load("yacht")
    for part in (
        "data/tables/yacht.csv",
        expected,
        hashlib.sha256(content).hexdigest(),
        "git restore data/tables",
    ):
        assert part in str(refused.value)


def test_a_missing_file_is_named(own_data):
    (own_data / "tables" / "yacht.csv").unlink()
    with pytest.raises(data.DataError, match=r"data/tables/yacht.csv: missing"):
        data.load("yacht")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "data/SHA256SUMS: missing"),
        (
            lambda path: path.write_bytes(b"\xff\xfe"),
            "data/SHA256SUMS: must hold a sum and a name a line",
        ),
        (lambda path: path.write_text(""), "data/tables/yacht.csv: has no sum in data/SHA256SUMS"),
    ],
)
def test_damaged_sums_are_named_with_the_cure(own_data, damage, message):
    damage(own_data / "SHA256SUMS")
    with pytest.raises(
        data.DataError, match=f"{message}; get it back with: git restore data/SHA256SUMS"
    ):
        data.load("yacht")


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="'iris': must be one of mnist, fashion_mnist, auto_mpg"):
        data.load("iris")


def test_importing_the_course_loads_neither_tensorflow_nor_matplotlib():
    modules = (
        "course, course.data, course.claims, course.exercises, course.lesson, course.parameters"
    )
    heavy = "{'tensorflow', 'keras', 'matplotlib', 'sklearn'}"
    check = f"import sys, {modules}; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0


def test_loading_mnist_takes_less_than_250_megabytes():
    tracemalloc.start()
    data.load("mnist")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 54_000_000 < peak < 250_000_000
