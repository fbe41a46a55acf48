"""The part of a lesson that an exercise rests on: its imports, functions and data, without running the rest.

A check can so be tried in a second where the lesson takes a minute.
"""

import ast
import builtins
import symtable
from collections.abc import Iterator
from typing import Any

from course.authoring.source import Source

OWN = {"solution", "check", "helper", "wrong"}


def namespace(source: Source, exercise: str) -> dict[str, Any]:
    """Run what the answers, wrong ones too, and the check of `exercise` rest on; return the names it has made."""
    space: dict[str, Any] = {"__name__": "__main__"}
    for statement in statements(source, exercise):
        exec(compile(ast.Module([statement], []), f"lessons/{source.name}.py", "exec"), space)
    return space


def statements(source: Source, exercise: str) -> list[ast.stmt]:
    """Return the statements of worked cells above `exercise` that make a name it uses, with those they use in turn."""
    above: list[ast.stmt] = []
    for cell in source.cells:
        if cell.exercise == exercise:
            break
        if cell.kind == "code" and not cell.tags & OWN:
            above += ast.parse(cell.source).body
    own = "\n".join(
        cell.source for cell in [*_helpers(source, exercise), *source.exercises[exercise]]
    )
    needed = _used(own) - _made(*ast.parse(own).body)
    kept = []
    for statement in reversed(above):
        if needed & _made(statement):
            kept.append(statement)
            needed |= _used(ast.unparse(statement))
    return kept[::-1]


def _helpers(source: Source, exercise: str) -> Iterator[Any]:
    """Return the helper cells above the check of `exercise`."""
    check = next(
        place
        for place, cell in enumerate(source.cells)
        if cell.exercise == exercise and "check" in cell.tags
    )
    before = [place for place, cell in enumerate(source.cells[:check]) if "check" in cell.tags]
    return (
        cell for cell in source.cells[before[-1] if before else 0 : check] if "helper" in cell.tags
    )


def _made(*statements: ast.stmt) -> set[str]:
    """Return the names that statements of a cell bind there."""
    names = {
        symbol.get_name()
        for symbol in _table(ast.unparse(ast.Module([*statements], []))).get_symbols()
        if symbol.is_assigned() or symbol.is_imported()
    }
    return names


def _used(text: str) -> set[str]:
    """Return the names that `text` takes from the notebook."""
    names: set[str] = set()
    tables = [_table(text)]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        at_top = table.get_type() == "module"
        names |= {
            s.get_name()
            for s in table.get_symbols()
            if s.is_referenced() and (at_top or s.is_global())
        }
    return names - vars(builtins).keys()


def _table(text: str) -> symtable.SymbolTable:
    return symtable.symtable(text, "cell", "exec")
