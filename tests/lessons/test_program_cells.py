"""Lessons 02 and 05 show the whole workflow of Keras, build to predict, in one cell of at most twenty lines of code."""

import ast
import builtins

import pytest

from course.authoring.source import read
from course.catalog import find

PROGRAMS = ["02_regression", "05_mnist_mlp"]


def program(name):
    """The one cell of lesson `name` that is tagged program."""
    [cell] = [cell for cell in read(name).cells if "program" in cell.tags]
    return cell.source


def code_lines(source):
    """The lines that are neither blank nor a comment."""
    return [
        line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_has_at_most_twenty_lines_of_code_and_one_statement_a_line(name):
    source = program(name)
    statements = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
    assert len(code_lines(source)) <= 20
    assert len({node.lineno for node in statements}) == len(statements)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_builds_compiles_fits_evaluates_and_predicts(name):
    calls = [node.func for node in ast.walk(ast.parse(program(name))) if isinstance(node, ast.Call)]
    called = {func.attr for func in calls if isinstance(func, ast.Attribute)}
    assert called >= {"Sequential", "compile", "fit", "evaluate", "predict"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_uses_nothing_from_other_cells_but_the_parameters(name):
    tree = ast.parse(program(name))
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    own = {node.id for node in used if isinstance(node.ctx, ast.Store)}
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        for alias in getattr(node, "names", [])
    }
    outside = {node.id for node in used} - own - imported - set(dir(builtins))
    assert outside <= set(find(name).parameters)
