"""The mutants of a module: its text with one change each, every line where it was."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from benchmarks.changes import GUARDS, Replace, mutations


@dataclass(frozen=True)
class Mutant:
    """One change: lines `first` to `last`, in the function that begins in line `function` (0: in none)."""

    text: str
    was: str
    now: str
    first: int
    last: int
    function: int

    def __str__(self) -> str:
        return f"{self.first}: {self.was}  ->  {self.now}"


def mutants(source: str, *, drawing: bool = True, looks: bool = True) -> list[Mutant]:
    """Return every mutant of `source` in the order of their places, each once.

    Annotations, docstrings and what runs only as a program stay as they are; so do functions that draw, unless
    `drawing`: those that use `axes`, or what the course draws with; and, unless `looks`, arguments that only set how
    something looks.
    """
    tree = ast.parse(source)
    left = _left_out(tree) | (set() if drawing else _drawing(tree))
    kept = frozenset() if looks else LOOKS
    left |= {
        id(inner)
        for each in ast.walk(tree)
        if isinstance(each, ast.keyword) and each.arg in kept
        for inner in ast.walk(each.value)
    }
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    found = {}
    for node, anchor, function in _nodes(tree, None, 0):
        if id(node) in left:
            continue
        for text in _texts(lines, node, anchor, kept):
            if text != source and text not in found:
                found[text] = _mutant(source, text, node, function)
    return sorted(found.values(), key=lambda mutant: mutant.first)


def _nodes(
    node: ast.AST, anchor: ast.AST | None, function: int
) -> Iterator[tuple[ast.AST, ast.AST, int]]:
    """Give each node with the one whose place in the text is known, and the function around it."""
    if isinstance(node, ast.JoinedStr) and anchor is None:
        anchor = node  # before Python 3.12 what is inside of it has no place
    yield node, anchor or node, function
    for name, value in ast.iter_fields(node):
        inside = function
        if isinstance(node, ast.FunctionDef | ast.Lambda) and name == "body":
            inside = function or node.lineno
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _nodes(child, anchor, inside)


def _texts(
    lines: list[bytes], node: ast.AST, anchor: ast.AST, kept: frozenset[str]
) -> Iterator[str]:
    for other in [*mutations(node)]:
        if ast.unparse(other) == ast.unparse(node) or (
            isinstance(other, ast.Call) and (_keywords(node) - _keywords(other)) & kept
        ):
            continue
        if node is anchor:
            new = ast.unparse(other)
        else:
            Replace(node, other).visit(anchor)
            new = ast.unparse(anchor)
            Replace(other, node).visit(anchor)
        yield _put(lines, anchor, new, simple=isinstance(other, _SIMPLE))


DRAWS = {"course.figure", "course.plots", "course.sketch"}
_LOOKS = """
alpha arrowstyle cmap color colors edgecolor facecolor fillstyle fontsize ha height layout linestyle linewidth
linewidths loc markersize mutation_scale ncols rotation shrinkA shrinkB size textcoords va width x xytext
"""
LOOKS = frozenset(_LOOKS.split())
NOT_IMPORTED = ("__name__ == '__main__'", "TYPE_CHECKING")
_SIMPLE = ast.Constant | ast.Call | ast.Name | ast.Attribute | ast.Slice | ast.Pass | ast.Subscript


def _keywords(node: ast.AST) -> set[str | None]:
    return {each.arg for each in node.keywords} if isinstance(node, ast.Call) else set()


def _put(lines: list[bytes], node: Any, new: str, *, simple: bool) -> str:
    """Put `new` in place of `node`, with as many lines."""
    more = "\n" * (node.end_lineno - node.lineno)
    if isinstance(node, ast.stmt | ast.Slice):
        new += more
    elif more or not simple or new.startswith("-"):
        new = f"({new}{more})"
    before = b"".join(lines[: node.lineno - 1]) + lines[node.lineno - 1][: node.col_offset]
    after = lines[node.end_lineno - 1][node.end_col_offset :] + b"".join(lines[node.end_lineno :])
    return (before + new.encode() + after).decode()


def _left_out(tree: ast.AST) -> set[int]:
    """The nodes that are no behavior, by their ids."""
    roots: list[ast.AST | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign):
            roots.append(node.annotation)
        if isinstance(node, ast.FunctionDef):
            roots.append(node.returns)
        if isinstance(node, ast.keyword) and node.arg in GUARDS:
            roots.append(node.value)
        if isinstance(node, ast.If) and ast.unparse(node.test) in NOT_IMPORTED:
            roots.append(node)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            roots.append(node)
    return {id(node) for root in roots if root for node in ast.walk(root)}


def _drawing(tree: ast.Module) -> set[int]:
    """The nodes of functions that draw, by their ids."""
    names = {"axes"}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            modules = {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
            if modules & DRAWS:
                names |= {each.asname or each.name for each in node.names}
    return {
        id(node)
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        and any(
            isinstance(each, ast.Name | ast.arg) and _name(each) in names
            for each in ast.walk(function)
        )
        for node in ast.walk(function)
    }


def _name(node: ast.Name | ast.arg) -> str:
    return node.id if isinstance(node, ast.Name) else node.arg


def _mutant(source: str, text: str, node: Any, function: int) -> Mutant:
    pairs = zip_longest(source.splitlines(), text.splitlines(), fillvalue="")
    number, was, now = next((n, old, new) for n, (old, new) in enumerate(pairs, 1) if old != new)
    last = getattr(node, "end_lineno", number) or number
    return Mutant(text, _one_line(was), _one_line(now), number, max(last, number), function)


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text.strip())
