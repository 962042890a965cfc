"""A valid call of every public function, class and method of `pricing`: what the tests of bad input spoil, one figure at a time.

A row names the callable itself, so that it cannot point at something else. Sizes are small; figures are ordinary.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from math import exp, log1p
from statistics import NormalDist
from types import MappingProxyType
from typing import Any

import numpy as np

from market.depth import DepthLevel
from market.instruments import parse_symbol
from market.orders import Side
from market.units import Commodity
from pricing import (
    auctions,
    bargaining,
    base,
    coalition,
    competition,
    cooperative,
    dynamic,
    errors,
    experiments,
    hedonic,
    index,
    load,
    menus,
    payments,
    rolling,
    rules,
    taxonomy,
)
