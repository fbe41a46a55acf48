"""The programs of lesson 17 are dealt by family and scored as scikit-learn scores them."""

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from course.topics.text import f1_by_tag, families, split_by_family

NAMES = pd.Series([f"{family}-{part}" for family in "abcdefghijklmnopqrst" for part in range(5)])


def test_a_family_is_the_name_up_to_the_first_hyphen():
    names = pd.Series(["claws-mail-pdf-viewer", "claws-mail", "zsh", "0ad"])
    assert families(names).tolist() == ["claws", "claws", "zsh", "0ad"]


def test_each_program_is_in_one_part_and_its_family_with_it():
    parts = split_by_family(NAMES, 3)
    assert sorted(np.concatenate(parts)) == list(range(len(NAMES)))
    groups = [set(families(NAMES[part])) for part in parts]
    assert sum(map(len, groups)) == len(set.union(*groups))
    assert [len(part) for part in parts] == [60, 20, 20]


def test_the_split_is_a_function_of_the_seed():
    same = [split_by_family(NAMES, 3).test.tolist() for _ in range(2)]
    assert same[0] == same[1]
    assert same[0] != split_by_family(NAMES, 4).test.tolist()


def test_f1_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    true, predicted = (rng.random((2, 40, 6)) < 0.3).astype(int)
    true[:, 5] = predicted[:, 5] = 0
    expected = f1_score(true, predicted, average=None, zero_division=0)
    np.testing.assert_allclose(f1_by_tag(true, predicted), expected)
