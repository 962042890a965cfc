"""What a quantity is worth to a buyer, and what it costs a seller: linear or quadratic, given as two figures."""

from dataclasses import dataclass

from pricing.errors import LARGEST, number


@dataclass(frozen=True, slots=True)
class Value:
    """V(q) = a·q − b·q²/2, in money: the first unit is worth `slope` a, and each further unit `curvature` b less.

    Raises:
        PricingError: if a figure is not finite or the curvature is negative.
    """

    slope: float
    curvature: float = 0.0

    def __post_init__(self) -> None:
        number("slope", self.slope, low=-LARGEST, high=LARGEST)
        number("curvature", self.curvature, low=0, high=LARGEST)

    def of(self, quantity: float) -> float:
        """Return V(q) in money.

        >>> Value(60, 1).of(20)
        1000.0

        Raises:
            PricingError: if the quantity is negative or not finite.
        """
        q = number("quantity", quantity, low=0, high=LARGEST)
        return self.slope * q - self.curvature * q * q / 2


@dataclass(frozen=True, slots=True)
class Cost:
    """C(q) = c·q + e·q²/2, in money: the first unit costs `slope` c, and each further unit `curvature` e more.

    Raises:
        PricingError: if a figure is not finite or the curvature is negative.
    """

    slope: float
    curvature: float = 0.0

    def __post_init__(self) -> None:
        number("slope", self.slope, low=-LARGEST, high=LARGEST)
        number("curvature", self.curvature, low=0, high=LARGEST)

    def of(self, quantity: float) -> float:
        """Return C(q) in money.

        >>> Cost(10, 1.5).of(20)
        500.0

        Raises:
            PricingError: if the quantity is negative or not finite.
        """
        q = number("quantity", quantity, low=0, high=LARGEST)
        return self.slope * q + self.curvature * q * q / 2
