"""Runs an answer as a notebook does, in a process that holds only what its exercise rests on.

A learner writes in the notebook, where every cell above has run, Jupyter's `%timeit` works, and a line below a function
tries it out. The same answer must not be broken elsewhere: what it uses is made first.
"""

import ast
import contextlib
import linecache
import re
from collections.abc import Iterator, Sequence
from typing import Any

CELL_MAGIC = re.compile(
    r"\A\s*%%(?:time|capture)\b.*"
)  # Jupyter runs the cell below it as any other
FAILING = ast.parse("try: pass\nexcept (NameError, OSError): pass").body[0]


def run(
    answer: str, space: dict[str, Any], *, name: str, above: str = "", own: Sequence[str] = ()
) -> None:
    """Run an `answer` in `space`, which gets what it uses of the worked cells `above` and of the learner's `own` cells.

    Its lines are quoted under the file name `name`. Those that only show or try something may fail: here are neither a
    screen nor the learner's files.
    """
    from course.authoring import slice  # here, since `slice` is for authors first

    text = python(answer)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    tree = ast.parse(text)
    code = compile(_forgiving(tree), name, "exec")
    for cell in slice.lacking(tree, slice.single(above), list(_parsed(own)), space.keys()):
        with contextlib.suppress(Exception, SystemExit):  # the answer says what it lacks
            exec(compile(cell, "<cell above>", "exec"), space)
    exec(code, space)


def python(cell: str) -> str:
    """Return the source of a cell as Python understands it, where it has marks that only Jupyter does."""
    with contextlib.suppress(SyntaxError):
        ast.parse(cell)
        return cell
    from IPython.core.inputtransformer2 import TransformerManager  # slow, and few answers need it

    return TransformerManager().transform_cell(CELL_MAGIC.sub("", cell))


def _parsed(cells: Sequence[str]) -> Iterator[ast.Module]:
    for cell in cells:
        with contextlib.suppress(SyntaxError, ValueError):  # one of theirs that does not run either
            tree = _forgiving(ast.parse(python(cell)))
            compile(tree, "<cell above>", "exec")  # refuses what the parser lets pass
            yield from (ast.Module([statement], []) for statement in tree.body)


def _forgiving(tree: ast.Module) -> ast.Module:
    """Return the module with each expression that stands for itself in a `try`."""
    return ast.fix_missing_locations(ast.Module([*map(_tried, tree.body)], []))


def _tried(statement: ast.stmt) -> ast.stmt:
    if not isinstance(statement, ast.Expr) or isinstance(statement.value, ast.Constant):
        return statement
    assert isinstance(FAILING, ast.Try)
    return ast.copy_location(ast.Try([statement], FAILING.handlers, [], []), statement)
