"""The one source of chance of an auction: a seed or a generator that its caller hands in."""

import numpy as np

from pricing.errors import PricingError

Seed = int | np.random.Generator
LOTS = 0x1075
"""Keeps the lots apart from orders that were drawn with the same seed: else each might fall with its order's side."""


def generator(seed: Seed | None) -> np.random.Generator:
    """Return a generator: the one given, or a new one from a seed.

    >>> int(generator(7).integers(10)) == int(generator(7).integers(10))
    True

    Raises:
        PricingError: if it is neither a generator nor an integer of at least 0.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if type(seed) is not int or seed < 0:
        raise PricingError(
            f"seed: found {seed!r}, expected an integer of at least 0 or a generator, as lots are drawn"
        )
    return np.random.default_rng([seed, LOTS])
