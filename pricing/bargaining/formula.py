"""A formula of u1 and u2 written down, read into a function: numbers, + - * / ** (or ^), sqrt, log and exp.

The text is parsed, never executed.
"""

import ast
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pricing.errors import PricingError, number

Formula = Callable[[float, float], float]

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: math.pow,
}
_FUNCTIONS: dict[str, Callable[[float], float]] = {"sqrt": math.sqrt, "log": math.log, "exp": math.exp}


@dataclass(frozen=True, slots=True)
class Term:
    """A formula read.

    Attributes:
        value: the function of u1 and u2.
        linear: (k, a1, a2) where it is k + a1·u1 + a2·u2.
        name: "u1" or "u2" where it is that alone.
    """

    value: Formula
    linear: tuple[float, float, float] | None = None
    name: str | None = None

    @property
    def constant(self) -> float | None:
        """The number that it is, if it depends on neither."""
        return self.linear[0] if self.linear is not None and not any(self.linear[1:]) else None


def parse_formula(text: str) -> Term:
    """Read a formula of u1 and u2. 2u1 is 2*u1, and ^ is **.

    >>> parse_formula("2u1 - u2/4 + 1").linear
    (1.0, 2.0, -0.25)
    >>> parse_formula("sqrt(1 - u1^2)").value(0.6, 0.0)
    0.8

    Raises:
        PricingError: if it is anything else.
    """
    plain = re.sub(r"(?<=[\d.)])\s*(?=u[12]\b)", "*", text.replace("^", "**")).strip()
    try:
        tree = ast.parse(plain, mode="eval")
        return _term(tree.body)
    except PricingError:
        raise
    except (SyntaxError, ArithmeticError, ValueError, RecursionError, MemoryError):
        raise PricingError(f"frontier: found {text.strip()!r}, expected a formula of u1 and u2") from None


def _term(node: ast.expr) -> Term:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            fixed = number("frontier", value)
            return Term(lambda _u1, _u2: fixed, (fixed, 0.0, 0.0))
        case ast.Name(id="u1"):
            return Term(lambda u1, _u2: u1, (0.0, 1.0, 0.0), "u1")
        case ast.Name(id="u2"):
            return Term(lambda _u1, u2: u2, (0.0, 0.0, 1.0), "u2")
        case ast.UnaryOp(op=ast.UAdd() | ast.USub() as sign, operand=operand):
            return _combined(
                ast.Mult(), _term(ast.Constant(-1 if isinstance(sign, ast.USub) else 1)), _term(operand)
            )
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _combined(op, _term(left), _term(right))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            function, inner = _FUNCTIONS[name], _term(argument)
            return _folded(Term(lambda u1, u2: function(inner.value(u1, u2))), inner)
        case _:
            raise PricingError(
                f"frontier: found {ast.unparse(node)!r}, expected numbers, u1, u2, + - * / **, sqrt, log or exp"
            )


def _combined(op: ast.operator, left: Term, right: Term) -> Term:
    compute = _OPERATORS[type(op)]
    term = Term(lambda u1, u2: compute(left.value(u1, u2), right.value(u1, u2)), _linear(op, left, right))
    return _folded(term, left, right)


def _folded(term: Term, *parts: Term) -> Term:
    """Return a term of constants as the constant that it is."""
    if any(part.constant is None for part in parts):
        return term
    fixed = number("frontier", term.value(0.0, 0.0))
    return Term(lambda _u1, _u2: fixed, (fixed, 0.0, 0.0))


def _linear(op: ast.operator, left: Term, right: Term) -> tuple[float, float, float] | None:
    if left.linear is None or right.linear is None:
        return None
    match op:
        case ast.Add() | ast.Sub():
            sign = 1.0 if isinstance(op, ast.Add) else -1.0
            found = np.add(left.linear, np.multiply(sign, right.linear))
        case ast.Mult() if left.constant is not None:
            found = np.multiply(left.constant, right.linear)
        case ast.Mult() if right.constant is not None:
            found = np.multiply(right.constant, left.linear)
        case ast.Div() if right.constant is not None and right.constant != 0:
            found = np.divide(left.linear, right.constant)
        case ast.Pow() if right.constant == 1:
            return left.linear
        case _:
            return None
    constant, of_u1, of_u2 = found.tolist()
    return constant, of_u1, of_u2
