"""Numbers are passed by name: no call has more than four of them by position. Read from the source, nothing is started."""

import ast
from collections.abc import Iterator

from tests.test_imports import MODULES

MOST_NUMBERS = 4
NUMBERS = {f"{kind}{optional}" for kind in ("int", "float", "bool") for optional in ("", " | None")}
Signatures = dict[str, list[list[bool]]]


def signatures_of(tree: ast.Module) -> Iterator[tuple[str, list[bool]]]:
    """Each function, class and dataclass, and which of its positional parameters are numbers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            arguments = [argument for argument in node.args.args if argument.arg not in ("self", "cls")]
            yield node.name, [is_number(argument.annotation) for argument in arguments]
        elif isinstance(node, ast.ClassDef):
            inits = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
            fields = [part.annotation for part in node.body if isinstance(part, ast.AnnAssign)]
            own = [argument.annotation for argument in inits[0].args.args[1:]] if inits else fields
            yield node.name, [is_number(annotation) for annotation in own]


def is_number(annotation: ast.expr | None) -> bool:
    """Whether a parameter is annotated as a number or a flag."""
    return annotation is not None and ast.unparse(annotation) in NUMBERS


def calls_by_position(tree: ast.Module, signatures: Signatures) -> Iterator[str]:
    """Calls of known functions that pass too many numbers by position."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            by_position = [not isinstance(argument, ast.Starred) for argument in node.args]
            counts = [sum(map(bool.__and__, by_position, numbers)) for numbers in signatures.get(name, [])]
            if not name.startswith("__") and max(counts, default=0) > MOST_NUMBERS:
                yield f"line {node.lineno}: {ast.unparse(node)}"


def test_no_call_passes_more_than_four_numbers_by_position():
    trees = {module: ast.parse(file.read_text(encoding="utf-8")) for module, file in MODULES.items()}
    signatures: Signatures = {}
    for tree in trees.values():
        for name, numbers in signatures_of(tree):
            signatures.setdefault(name, []).append(numbers)
    found = {module: list(calls_by_position(tree, signatures)) for module, tree in trees.items()}
    assert not {module: calls for module, calls in found.items() if calls}


def test_calls_are_counted_by_what_their_parameters_are():
    source = "def f(name: str, a: int, b: float, c: bool, d: int | None, e: int): ...\n"
    calls = "f('x', 1, 2, 3, 4, 5)\nf('x', 1, 2, 3, 4, e=5)\nf(*rest)\n"
    tree = ast.parse(source + calls)
    signatures = {name: [numbers] for name, numbers in signatures_of(tree)}
    assert list(calls_by_position(tree, signatures)) == ["line 2: f('x', 1, 2, 3, 4, 5)"]
