"""Sum-of-products form:   y = Σ_k c_k Π_f f     — what an engine without division, roots and branches can compute."""

from __future__ import annotations

from typing import NamedTuple

from neuroperturb.rules.formula.graph import Node, constant, fold, text
from neuroperturb.spec import InputError

PHRASES = {
    "divide": "divides by", "sqrt": "takes the square root of", "select": "branches on",
    "absolute": "takes the absolute value of", "power": "raises to a power",
    "minimum": "takes the minimum of", "maximum": "takes the maximum of",
}  # fmt: skip
MOST_TERMS = 64


class Term(NamedTuple):
    """coefficient · Π factors; a factor that occurs twice is listed twice."""

    coefficient: float
    factors: tuple[str, ...]

    def __str__(self) -> str:
        return "·".join([f"{self.coefficient:.6g}", *self.factors])


class NotSumOfProducts(InputError):
    """The formula contains an operation other than sums and products: `operation`, in `expression`."""

    def __init__(self, operation: str, expression: str):
        self.operation, self.expression = operation, expression
        super().__init__(f"{operation} in {expression}")


def sum_of_products(node: Node) -> tuple[Term, ...]:
    """The terms of an expression, with parameters and numbers folded into coefficients.

    Raises
    ------
    NotSumOfProducts : naming the first operation that is neither a sum nor a product
    """
    terms = _expand(fold(node))
    return tuple(Term(c, factors) for factors, c in sorted(terms.items()) if c != 0)


def _expand(node: Node) -> dict[tuple[str, ...], float]:
    """Coefficient of every product of inputs."""
    if node.op == "input":
        return {(node.args[0],): 1.0}
    if (value := constant(node)) is not None:
        return {(): value}
    if node.op in ("add", "subtract"):
        a, b = map(_expand, node.args)
        return _sum(a, _scaled(b, 1.0 if node.op == "add" else -1.0))
    if node.op == "negative":
        return _scaled(_expand(node.args[0]), -1.0)
    if node.op == "multiply":
        return _product(node, *map(_expand, node.args))
    by = constant(node.args[-1])
    if node.op == "divide" and by:
        return _scaled(_expand(node.args[0]), 1.0 / by)
    if node.op == "power" and by is not None and by == int(by) and 0 < by <= 8:
        base = result = _expand(node.args[0])
        for _ in range(int(by) - 1):
            result = _product(node, result, base)
        return result
    raise NotSumOfProducts(*_refusal(node))


def _refusal(node: Node) -> tuple[str, str]:
    inner = node.args[-1 if node.op == "divide" else 0]
    phrase = PHRASES.get(node.op)
    return (f"{phrase} {text(inner)}" if phrase else f"takes {node.op} of {text(inner)}"), text(node)


def _sum(a: dict, b: dict) -> dict:
    return {factors: a.get(factors, 0.0) + b.get(factors, 0.0) for factors in {**a, **b}}


def _scaled(a: dict, by: float) -> dict:
    return {factors: c * by for factors, c in a.items()}


def _product(node: Node, a: dict, b: dict) -> dict:
    result: dict[tuple[str, ...], float] = {}
    for f, c in a.items():
        for g, d in b.items():
            key = tuple(sorted(f + g))
            result[key] = result.get(key, 0.0) + c * d
    if len(result) > MOST_TERMS:
        raise NotSumOfProducts(f"has more than {MOST_TERMS} products", text(node))
    return result
