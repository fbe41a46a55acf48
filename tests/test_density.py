"""The package says one thing a line: expressions a code line, by the syntax tree."""

import ast
import io
import tokenize

from course import ROOT

WITHOUT_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
MOST = 3.0  # nbdev has 3.0, LLMs-from-scratch 2.4, papermill 2.3, nbclient 1.6


def expressions(tree):
    """All nodes of kind expr but bare names."""
    return sum(
        isinstance(node, ast.expr) and not isinstance(node, ast.Name) for node in ast.walk(tree)
    )


def code_lines(text, tree):
    """The numbers of the lines that hold more than a comment or a docstring."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in WITHOUT_CODE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            docstring = node.body[0]
            lines -= set(range(docstring.lineno, docstring.end_lineno + 1))
    return lines


def test_the_count_leaves_out_names_comments_and_docstrings():
    text = '"""Two plus two."""\n\nx = 2 + 2  # four\n# and\ny = x\n'
    tree = ast.parse(text)
    assert code_lines(text, tree) == {3, 5}
    assert expressions(tree) == 4  # the docstring, the sum and its two terms


def test_the_package_has_fewer_than_three_expressions_a_line():
    found = lines = 0
    for path in (ROOT / "course").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        found += expressions(tree)
        lines += len(code_lines(text, tree))
    print(f"{found / lines:.2f} expressions a code line, {lines} lines")
    assert lines > 5000
    assert found / lines < MOST
