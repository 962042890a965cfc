"""What every reader of files says when a file cannot be used."""

from pathlib import Path

from market.units import Malformed


class InputError(Malformed):
    """A file that cannot be used: where it is wrong, what was found there and what was expected."""

    def __init__(self, file: Path, where: str, found: str, expected: str) -> None:
        super().__init__(f"{file}, {where}: found {found}, expected {expected}")
        self.file = file
        self.where = where
        self.found = found
        self.expected = expected
