"""Expressions as data: a scalar formula as a graph of operations on named inputs.

    input x      parameter λ = 0.9      number 2      add(a, b)  multiply(a, b)  divide(a, b)  …  select(condition, a, b)

Nodes are tuples: equal expressions are equal, so that common subexpressions are counted once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

LEAVES = ("input", "parameter", "number")
INFIX = {
    "add": (" + ", 3), "subtract": (" − ", 3), "multiply": ("·", 4), "divide": ("/", 4), "power": ("^", 6),
    "less": (" < ", 2), "less_equal": (" ≤ ", 2), "greater": (" > ", 2), "greater_equal": (" ≥ ", 2), "equal": (" = ", 2),
    "not_equal": (" ≠ ", 2), "logical_and": (" and ", 1), "logical_or": (" or ", 1),
}  # fmt: skip
ONE_SIDED = {"subtract", "divide", "power"}  # a − (b − c) keeps its brackets
COMPUTE = {
    "negative": np.negative,
    "absolute": np.abs,
    "select": np.where,
    **{name: getattr(np, name) for name in INFIX},
}


class Node(NamedTuple):
    """op and its arguments; those of a leaf are names and numbers, all others nodes."""

    op: str
    args: tuple

    @property
    def is_leaf(self) -> bool:
        return self.op in LEAVES


def input_(name: str) -> Node:
    """An argument of the formula."""
    return Node("input", (name,))


def parameter(name: str, value: float) -> Node:
    """A field of the formula's parameter record."""
    return Node("parameter", (name, float(value)))


def number(value: float) -> Node:
    return Node("number", (float(value),))


def constant(node: Node) -> float | None:
    """The value of a number or a parameter; None of anything else."""
    return node.args[-1] if node.op in ("number", "parameter") else None


def walk(*roots: Node) -> Iterator[Node]:
    """Every node once, arguments before the nodes that use them."""
    seen: set[Node] = set()

    def visit(node: Node) -> Iterator[Node]:
        if node in seen:
            return
        seen.add(node)
        if not node.is_leaf:
            for arg in node.args:
                yield from visit(arg)
        yield node

    for root in roots:
        yield from visit(root)


def inputs(*roots: Node) -> tuple[str, ...]:
    """Names of the inputs in an expression, in order of first occurrence."""
    return tuple(node.args[0] for node in walk(*roots) if node.op == "input")


def operations(*roots: Node) -> list[Node]:
    """Operations left for hardware, after constant folding of parameters and numbers."""
    return [node for node in walk(*map(fold, roots)) if not node.is_leaf]


def substitute(node: Node, part: Node, by: Node) -> Node:
    """The expression with one part of it replaced, wherever it occurs."""
    if node == part:
        return by
    return node if node.is_leaf else Node(node.op, tuple(substitute(arg, part, by) for arg in node.args))


def rename(node: Node, names: Mapping[str, str]) -> Node:
    """The expression with some parameters renamed."""
    if node.op == "parameter":
        return Node("parameter", (names.get(node.args[0], node.args[0]), node.args[1]))
    return node if node.is_leaf else Node(node.op, tuple(rename(arg, names) for arg in node.args))


def fold(node: Node) -> Node:
    """The same expression after constant folding, with 0·x, 1·x and 0 + x simplified."""
    if node.is_leaf:
        return node
    args = tuple(fold(arg) for arg in node.args)
    known = [constant(arg) for arg in args]
    if None not in known:
        return number(compute(node.op, known))
    return _simpler(node.op, args, known) or Node(node.op, args)


def _simpler(op: str, args: tuple, known: list) -> Node | None:
    if op == "select" and known[0] is not None:
        return args[1] if known[0] else args[2]
    if op == "select" and args[1] == args[2]:
        return args[1]
    if op == "multiply" and 0 in known:
        return number(0)
    neutral = {"multiply": 1, "add": 0}.get(op)
    if neutral is not None and neutral in known:
        return args[1 - known.index(neutral)]
    last = {"subtract": 0, "divide": 1, "power": 1}.get(op)
    return args[0] if last is not None and known[1] == last else None


def compute(op: str, values: list[float]) -> float:
    """One operation on numbers, as in kernels: a division by zero raises no exception."""
    with np.errstate(all="ignore"):
        return float(COMPUTE[op](*values) if op in COMPUTE else getattr(np, op)(*values))


def evaluate(node: Node, values: Mapping[str, float]) -> float:
    """The value of an expression in float64, inputs by name."""
    if node.op == "input":
        return float(values[node.args[0]])
    if node.is_leaf:
        return node.args[-1]
    return compute(node.op, [evaluate(arg, values) for arg in node.args])


def text(node: Node, above: int = 0) -> str:
    """The expression as text; parameters by their names."""
    if node.is_leaf:
        return _number(node.args[0]) if node.op == "number" else node.args[0]
    if node.op in INFIX:
        return _bracket(_infix(node), INFIX[node.op][1] < above)
    if node.op == "negative":
        return _bracket("−" + text(node.args[0], 5), above > 3)
    if node.op == "absolute":
        return f"|{text(node.args[0])}|"
    if node.op == "select":
        condition, yes, no = (text(arg, 1) for arg in node.args)
        return _bracket(f"{yes} if {condition} else {no}", above > 0)
    return f"{node.op}({', '.join(map(text, node.args))})"


def _infix(node: Node) -> str:
    sign, strength = INFIX[node.op]
    left, right = node.args
    return text(left, strength) + sign + text(right, strength + (node.op in ONE_SIDED))


def _bracket(words: str, needed: bool) -> str:
    return f"({words})" if needed else words


def _number(value: float) -> str:
    if math.isfinite(value) and value == int(value) and abs(value) < 1e6:
        return str(int(value)).replace("-", "−")
    return f"{value:.6g}".replace("-", "−")


def where(name: str, root: Node) -> str:
    """The smallest operation on an input, as text."""
    for node in walk(root):
        if not node.is_leaf and input_(name) in node.args and len(node.args) > 1:
            return text(node)
    return text(root)
