"""The changes that mutants make: in solutions (`benchmarks.mutants`) and in modules (`benchmarks.mutation`)."""

import ast
import copy
from collections.abc import Iterator
from typing import Any

COMPARISONS = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
CALLS = {
    "max": "min",
    "min": "max",
    "maximum": "minimum",
    "minimum": "maximum",
    "argmax": "argmin",
    "argmin": "argmax",
}
CALLS |= {
    "ceil": "floor",
    "floor": "ceil",
    "sum": "mean",
    "mean": "sum",
    "all": "any",
    "any": "all",
}
CALLS |= {"zeros": "ones", "nanargmin": "nanargmax"}
# arguments that only watch over what never happens, or matter on another system alone
GUARDS = {"strict", "encoding", "frozen"}
SYMMETRIC = {"max", "min", "maximum", "minimum", "pairwise"}  # in their first two arguments


def mutations(node: ast.AST) -> Iterator[ast.AST]:
    """Give what may stand in place of `node`."""
    match node:
        case ast.Compare(left, [op, *ops], comparators):
            for other in COMPARISONS.get(type(op), ()):
                yield ast.Compare(left, [other(), *ops], comparators)
        case ast.BinOp(left, op, right):
            if type(op) in OPERATORS:
                yield ast.BinOp(left, OPERATORS[type(op)](), right)
            if isinstance(op, ast.Sub | ast.Div):
                yield ast.BinOp(right, op, left)
            yield left
            yield right
        case ast.UnaryOp(ast.USub() | ast.Not(), operand):
            yield operand
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield ast.Constant(value + 1)
            if value not in (0, 1):
                yield ast.Constant(value - 1)
            if value == 1:
                yield ast.Constant(0)
        case ast.Slice(lower, upper, step) if lower or upper:
            yield ast.Slice(None, None, step)
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(test, orelse, body)
            yield body
            yield orelse
        case ast.Call(function, [first, second, *rest], keywords) if _called(node) not in SYMMETRIC:
            yield ast.Call(function, [second, first, *rest], keywords)
    if isinstance(node, ast.Call):
        if _called(node) in CALLS:
            exchanged = copy.deepcopy(node)
            part = "attr" if isinstance(node.func, ast.Attribute) else "id"
            setattr(exchanged.func, part, CALLS[_called(node)])
            yield exchanged
        for place, keyword in enumerate(node.keywords):
            if keyword.arg not in GUARDS:
                yield ast.Call(
                    node.func, node.args, node.keywords[:place] + node.keywords[place + 1 :]
                )
    if isinstance(
        node, ast.Expr | ast.Assign | ast.AugAssign | ast.If | ast.For | ast.Return
    ) and not _docstring(node):
        yield ast.Pass()


def _called(node: ast.AST) -> str:
    """The name of the function or method that a call calls."""
    function = getattr(node, "func", None)
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class Replace(ast.NodeTransformer):
    """Put one node of a tree in the place of another."""

    def __init__(self, target: ast.AST, other: ast.AST) -> None:
        self.target = target
        self.other = other

    def visit(self, node: ast.AST) -> Any:
        return self.other if node is self.target else self.generic_visit(node)
