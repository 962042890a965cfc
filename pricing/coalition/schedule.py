"""What one agent does, and what that costs it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """What an agent does: its own cost in dollars, and every quantity, an amount (unit·hours) per slot, by its name.

    Names are those of `LocalProblem.columns`: "energy grid buy", "energy charge", "compute generator 1".
    """

    name: str
    cost: float
    x: Floats
    columns: tuple[tuple[str, slice], ...]

    @property
    def quantities(self) -> dict[str, Floats]:
        """Every quantity by its name."""
        return {name: self.x[places] for name, places in self.columns}

    def __getitem__(self, name: str) -> Floats:
        return self.quantities[name]
