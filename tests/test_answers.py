"""An answer runs as in its notebook, though only what it uses of the cells above is made."""

import pytest

from course import answers

ABOVE = """import math
import numpy as np
scale = 2
table = np.ones(3)
raise SystemExit("no answer uses this")
"""
ANSWER = "def f():\n    return 1\n"
FIRST = "le = lambda a, b: kept[0]"


def ran(answer, **cells):
    space = {"scale": 10}
    answers.run(answer, space, name="<answer>", **({"above": ABOVE} | cells))
    return space


def test_what_an_answer_uses_of_the_cells_above_is_made_and_nothing_else():
    space = ran("def f():\n    return table.sum() * scale")
    assert space["f"]() == 30  # what was made before is not made again
    assert "math" not in space


def test_a_name_that_the_answer_makes_itself_is_not_made_before():
    assert ran("table = [1]\n\n\ndef f():\n    return table[0] * scale").keys().isdisjoint({"np"})
    assert ran("table = table * 3")["table"].sum() == 9


def test_of_the_cells_of_a_learner_those_run_that_an_answer_uses():
    helper = "%matplotlib inline\nfactors = {}\nfactors['a'] = scale\nscale = 5\ndisplay(factors)"
    own = ["raise SystemExit", "def (:", "scale = 3\nraise ValueError", helper]
    answer = "def f():\n    return factors['a'] * scale"
    assert ran(answer, own=own)["f"]() == 15


@pytest.mark.parametrize(
    "own",
    [
        ["from operator import *", "def f(x, x): pass"],
        ["kept = []", "kept.append(1)", "def le(a, b):\n    return kept[0]\nraise SystemExit"],
        ["kept = {}\nfor k in (1, 2):\n    kept[k] = k", "le = lambda a, b: kept[a]"],
        ["class C: pass", "c = C()\nc.x = 1", "def le(a, b):\n    return c.x"],
        ["kept = [2, 1]", "last = kept.pop(0)", FIRST],
        ["kept = [2, 1]", "assert kept.pop(0)", FIRST],
        ["kept = [0]", "[kept.insert(0, each) for each in (3, 1)]", FIRST],
        ["kept = None", "kept = [0]", "done = kept.insert(0, 1)", FIRST],
        [
            "kept = [2, 3, 1]",
            "from random import Random\nrng = Random(4)\nrng.shuffle(kept)",
            FIRST,
        ],
        ["kept = [2, 3, 1]", "from random import Random\nRandom(4).shuffle(kept)", FIRST],
        ["kept = [2, 3, 1]", "from heapq import heapify\nheapify(kept)", FIRST],
        ["kept = [2, 3, 1]", "import operator\noperator.setitem(kept, 0, 1)", FIRST],
    ],
)
def test_cells_of_a_learner_run_that_change_what_an_answer_uses(own):
    assert ran("def f():\n    return le(1, 2)", own=own)["f"]() == 1


def test_of_a_cell_of_a_learner_only_the_statements_run_that_an_answer_uses():
    own = ["import math\nraise_when_run = [][0]\nrate = 2"]
    assert ran("def f():\n    return math.sqrt(4) * rate", own=own)["f"]() == 4


@pytest.mark.parametrize(
    "own",
    [
        [
            "kept = [1]\nscale = 2",
            "class M:\n    def fit(self, x): kept[0] = x\nmodel = M()\nmodel.fit(kept)",
        ],
        ["kept = [1]\nrate = 2", "def run(rate): kept[0] = rate\nrun(rate)", "kept[1:] = [rate]"],
        ["kept = [1]", "def change(kept): kept.pop()\nchange([2])"],
    ],
)
def test_a_call_changes_neither_data_that_a_model_is_fitted_to_nor_numbers(own):
    assert ran("def f():\n    return kept[0]", own=own)["f"]() == 1


@pytest.mark.parametrize("change", ["kept.append(2)", "kept[1:] = [2]", "length = kept.append(2)"])
def test_worked_cells_run_that_change_what_an_answer_uses(change):
    above = f"kept = [1]\n{change}\nraise SystemExit"
    assert ran("def f():\n    return kept", above=above)["f"]() == [1, 2]


@pytest.mark.parametrize(
    "reading",
    [
        "spread = max(kept.copy()) + slow()",
        "pairs = {kept: slow() for kept in [1, 2]}",
        "print([len(kept) for kept in [[1]]], slow())",
    ],
)
def test_worked_cells_do_not_run_that_only_read_what_an_answer_uses(reading):
    above = f"kept = [1]\ndef slow(): raise SystemExit\n{reading}"
    assert ran("def f():\n    return kept", above=above)["f"]() == [1]
    assert ran(f"{ANSWER}mine = len(kept)", above=above)["f"]() == 1


def test_a_function_of_a_learner_changes_what_it_is_given_also_where_its_value_is_kept():
    own = [
        "kept = [1]",
        "def train(given):\n    given.append(2)\n    return 3",
        "history = train(kept)",
    ]
    assert ran("def f():\n    return kept", own=own)["f"]() == [1, 2]


def test_what_takes_long_is_not_run_for_a_line_that_tries_an_answer_out():
    above = "class Model:\n    def fit(self): self.fitted = True\nmodel = Model()\nhistory = model.fit()"
    assert "history" not in ran(f"{ANSWER}print(f(), model)", above=above)
    assert "history" in ran("def f():\n    return model.fitted", above=above)


def test_a_line_that_fails_in_the_notebook_fails_here():
    with pytest.raises(TypeError):
        ran(f"{ANSWER}f(1, 2, 3)")


@pytest.mark.parametrize(
    "line",
    [
        "print(f(no_name))",
        "display(f())",
        "%timeit f()",
        "!ls",
        "f?",
    ],
)
def test_a_line_that_tries_an_answer_out_may_fail(line):
    assert ran(f"{ANSWER}{line}")["f"]() == 1
    assert ran(f"{line}\n{ANSWER}")["f"]() == 1


def test_a_cell_that_jupyter_times_is_run():
    assert ran(f"%%time\n{ANSWER}")["f"]() == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("def f(:", SyntaxError),
        ("return 1", SyntaxError),
        ("f = no_name", NameError),
        ("f = 1 / 0", ZeroDivisionError),
    ],
)
def test_an_answer_that_does_not_run_says_so(answer, error):
    with pytest.raises(error):
        ran(answer)
