"""The part of a lesson that an exercise rests on: its imports, functions and data, without running the rest.

A check can so be tried in a second where the lesson takes a minute. What an answer uses beyond that is known when the
answer is: `lacking` has it.
"""

import ast
import builtins
import itertools
import symtable
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course.authoring.source import Source  # slow, and the sandbox has no need of it

ANY = "*"  # of `from module import *`: any name may be among them
OWN = {"solution", "check", "helper", "wrong"}
CHANGING = {  # methods that change what they are called on, also where their value is kept: `last = kept.pop()`
    *(
        "add",
        "append",
        "clear",
        "extend",
        "insert",
        "pop",
        "popitem",
        "remove",
        "setdefault",
        "shuffle",
        "sort",
    ),
    *(
        "update",
        "adapt",
        "assign",
        "compile",
        "fill",
        "fit",
        "load_weights",
        "partial_fit",
        "set_weights",
    ),
    *("train", "train_on_batch", "update_state"),
}


def namespace(source: "Source", exercise: str) -> dict[str, Any]:
    """Run what the answers, wrong ones too, and the check of `exercise` rest on; return the names it has made."""
    space: dict[str, Any] = {"__name__": "__main__"}
    for statement in statements(source, exercise):
        exec(compile(ast.Module([statement], []), f"lessons/{source.name}.py", "exec"), space)
    return space


def statements(source: "Source", exercise: str) -> list[ast.stmt]:
    """Return the statements of worked cells above `exercise` that make a name it uses, with those they use in turn."""
    own = "\n".join(
        cell.source for cell in [*_helpers(source, exercise), *source.exercises[exercise]]
    )
    needed = _used(own) - _made(*ast.parse(own).body)
    return [each.body[0] for each in _makers(needed, single(above(source, exercise)))]


def above(source: "Source", exercise: str) -> str:
    """Return the text of the worked cells above `exercise`."""
    cells = itertools.takewhile(lambda cell: cell.exercise != exercise, source.cells)
    worked = (cell.source for cell in cells if cell.kind == "code" and not cell.tags & OWN)
    return "\n\n".join(worked)


def single(text: str) -> list[ast.Module]:
    """Return each statement of a text as a module of its own."""
    return [ast.Module([statement], []) for statement in ast.parse(text).body]


def lacking(
    answer: ast.Module,
    above: Sequence[ast.Module],
    own: Sequence[ast.Module],
    names: Collection[str],
) -> list[ast.Module]:
    """Return which parts of the worked cells `above` and of a learner's `own` cells make what `answer` uses.

    Worked cells are left out where they make only `names`, which are there already. Those that change a name, as the
    training of a model does, are left out where only a line that tries the answer out uses it: they may take minutes.
    """
    fixed = _fixed(statement for part in (answer, *above, *own) for statement in part.body)
    needed = _needed(answer.body)
    theirs = _makers(needed, own, binds=partial(_touched, fixed=fixed, freely=True))
    certain = _needed([each for each in answer.body if not isinstance(each, ast.Expr)])
    certain |= _needed([statement for part in theirs for statement in part.body])
    made = _makers(needed, above, names)
    made += _makers(certain, above, names, binds=partial(_touched, fixed=fixed))
    return [part for part in above if part in made] + theirs


def _needed(statements: Sequence[ast.stmt]) -> set[str]:
    """Return the names that statements use and do not make before."""
    needed: set[str] = set()
    for statement in reversed(statements):
        needed = needed - _made(statement) | _used(ast.unparse(statement))
    return needed


def _makers(
    needed: set[str],
    parts: Sequence[ast.Module],
    names: Collection[str] = (),
    *,
    binds: Callable[..., set[str]] | None = None,
) -> list[ast.Module]:
    """Return the parts that make a name `needed` that is not among `names`; adds to `needed` what these use.

    `binds` tells the names that a part makes: by default those that it binds.
    """
    kept = []
    for part in reversed(parts):
        bound = (binds or _made)(*part.body)
        if ANY in bound or needed.difference(names) & bound:
            kept.append(part)
            needed |= _used(ast.unparse(part))
    return kept[::-1]


def _helpers(source: "Source", exercise: str) -> Iterator[Any]:
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


def _touched(*statements: ast.stmt, fixed: Collection[str], freely: bool = False) -> set[str]:
    """Return the names that statements bind or change, as `table[0] = 1` does; ANY if nobody can tell.

    A method changes the name that it is called on, if that is not `fixed` and the call's value is thrown away, or the
    method is one of CHANGING. With `freely`, any method does, and a function changes its arguments:
    `history = train(model)`. One whose value is thrown away then changes fixed names, too: `np.random.seed(1)`.
    """
    found = _made(*statements)
    nodes = [*_run_at_once(ast.Module([*statements], []))]
    thrown_away = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            found.add(ANY)
        elif isinstance(node, ast.Call):
            found |= _changed_by(node, fixed, freely=freely, thrown_away=node in thrown_away)
        elif isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            found |= _root(node)
    return found


def _changed_by(
    call: ast.Call, fixed: Collection[str], *, freely: bool, thrown_away: bool
) -> set[str]:
    """Return the names that a call changes; see `_touched`."""
    found: set[str] = set()
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if method and (thrown_away or freely or method in CHANGING):
        found |= _root(call.func).difference(() if freely and thrown_away else fixed)
    is_function = isinstance(call.func, ast.Name) and call.func.id not in vars(builtins)
    if method == "shuffle" or (freely and (thrown_away or is_function)):
        found |= _changed_arguments(call, fixed)
    return found


def _changed_arguments(call: ast.Call, fixed: Collection[str]) -> set[str]:
    """Return the arguments that a call may change: none of `model.fit(x, y)`, which changes the model."""
    is_method = isinstance(call.func, ast.Attribute) and _root(call.func).difference(fixed)
    if is_method and ast.unparse(call.func).rpartition(".")[2] != "shuffle":
        return set()
    arguments = [*call.args, *(each.value for each in call.keywords)]
    return set().union(*map(_root, arguments)).difference(fixed)


def _run_at_once(node: ast.AST) -> Iterator[ast.AST]:
    """Return a node and those below it, but for what stands in functions: it runs only when they are called."""
    yield node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _run_at_once(child)


def _fixed(statements: Iterable[ast.stmt]) -> set[str]:
    """Return the names that no call changes: of what is imported, and of numbers and texts."""
    fixed: set[str] = set()
    others: set[str] = set()
    for each in statements:
        is_import = isinstance(each, ast.Import | ast.ImportFrom)
        if is_import or isinstance(getattr(each, "value", None), ast.Constant):
            fixed |= _made(each)
        else:
            others |= _made(each)
    return fixed - others


def _root(node: ast.AST) -> set[str]:
    """Return the name that stands at the beginning of `name.part[0].part`."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


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
