"""What an audit finds."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import DBAPIError

from market.units import InvariantBroken

IMPOSSIBLE: Final = (InvariantBroken, LookupError, ValueError, ArithmeticError, DBAPIError)
"""What rows may end in that never were: of nobody's order, of more than any account can hold, of text that is none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be: which check found it, where, and what was found and expected."""

    check: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.check}: {self.where}: {self.detail}"
