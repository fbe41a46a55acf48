"""What the names in a function's code stand for, however Python compiles them."""

import math
import types
import xml.dom  # else a function that imports it would be the first

from course.training import reads

SIZE = 3


def reader(own):
    def function(x):
        import os.path
        import xml.dom as documents
        from math import pi as half_a_turn
        from xml.dom import Node as Leaf

        module = math
        unknown = x.shape
        return [
            SIZE,
            half_a_turn,
            os.path.sep,
            documents.Node,
            Leaf,
            module.tau,
            own.value,
            unknown,
            (lambda: math.e),
        ]

    return function


class Owner:
    value = 5

    @property
    def asked(self):
        raise AssertionError("the property was computed")

    def method(self, x):
        return self.helper, self.asked, x.size

    def helper(self):
        return SIZE


def read(function, *owner):
    return {each.name: each for each in reads.of(function, *owner)}


def test_names_are_followed_through_imports_closures_local_names_and_nested_functions():
    found = read(reader(Owner()))
    values = {name: each.value for name, each in found.items()}
    for name, value in {
        "SIZE": 3,
        "half_a_turn": math.pi,
        "os.path.sep": "/",
        "documents.Node": xml.dom.Node,
        "module.tau": math.tau,
        "own.value": 5,
        "math.e": math.e,
        "Leaf": xml.dom.Node,
    }.items():
        assert values[name] == value, name
    assert {"x", "x.shape", "unknown"}.isdisjoint(values)
    assert all(isinstance(name, str) for name in values)
    assert {name for name, each in found.items() if each.is_variable} == {
        "SIZE",
        "math",
        "own.value",
    }


def test_variables_are_those_of_the_users_own_modules():
    mine = types.ModuleType("mine")
    mine.size = 4
    exec(
        "def function():\n    return SIZE, mine.size, math.pi",
        space := {"SIZE": 3, "mine": mine, "math": math},
    )
    found = read(space["function"])
    assert {name for name, each in found.items() if each.is_variable} >= {"SIZE", "mine.size"}
    assert not found["math.pi"].is_variable


def test_a_method_is_followed_to_its_owner_and_no_property_is_computed():
    owner = Owner()
    found = read(Owner.method, owner)
    assert found["self.helper"].value == owner.helper
    assert found["self.asked"].value.__name__ == "asked"
    assert "x.size" not in found


class Kinds:
    limit = 7

    @staticmethod
    def alone():
        pass

    @classmethod
    def of_class(cls):
        pass

    def own(self):
        pass


def test_attributes_of_classes_and_of_their_instances_are_what_python_gives():
    kinds = Kinds()
    kinds.mine = 8

    def function():
        by_class = Kinds.alone, Kinds.of_class, Kinds.own, Kinds.limit, Kinds.missing
        return by_class, kinds.alone, kinds.of_class, kinds.own, kinds.limit, kinds.mine

    found = read(function)
    values = {name: each.value for name, each in found.items()}
    assert values == {
        "Kinds": Kinds,
        "Kinds.alone": Kinds.alone,
        "Kinds.of_class": Kinds.of_class.__func__,
        "Kinds.own": Kinds.own,
        "Kinds.limit": 7,
        "kinds": kinds,
        "kinds.alone": Kinds.alone,
        "kinds.of_class": Kinds.of_class,
        "kinds.own": kinds.own,
        "kinds.limit": 7,
        "kinds.mine": 8,
    }
    assert {name for name, each in found.items() if each.is_variable} == {"Kinds", "kinds.limit"}


def test_what_a_call_returns_and_what_there_is_not_are_not_followed():
    def function():
        return math.sqrt(4).real, math.missing

    assert set(read(function)) == {"math", "math.sqrt"}


def test_variables_of_installed_code_are_not_the_users():
    code = "def function():\n    return SIZE"
    exec(compile(code, f"{reads.INSTALLED[0]}/module.py", "exec"), space := {"SIZE": 3})
    found = read(space["function"])
    assert (found["SIZE"].value, found["SIZE"].is_variable) == (3, False)
