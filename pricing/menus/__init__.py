"""Menus for those who know something that the other side does not.

`procurement_menu` buys from suppliers of unknown cost, `quality_menu` and `UniformQualityMenu` sell qualities to buyers
of unknown taste, and `linear_contract` and `binary_contract` pay for effort that nobody sees.
"""

from pricing.menus.incentives import deviation_gains, distribution, verify
from pricing.menus.moral_hazard import (
    BinaryContract,
    CaraUtility,
    CrraUtility,
    LinearContract,
    PowerUtility,
    Utility,
    binary_contract,
    linear_contract,
)
from pricing.menus.procurement import ProcurementMenu, procurement_menu
from pricing.menus.quality import QualityMenu, UniformQualityMenu, quality_menu
from pricing.menus.value import ConcaveValue, QuadraticValue, SmoothValue

__all__ = [
    "BinaryContract",
    "CaraUtility",
    "ConcaveValue",
    "CrraUtility",
    "LinearContract",
    "PowerUtility",
    "ProcurementMenu",
    "QuadraticValue",
    "QualityMenu",
    "SmoothValue",
    "UniformQualityMenu",
    "Utility",
    "binary_contract",
    "deviation_gains",
    "distribution",
    "linear_contract",
    "procurement_menu",
    "quality_menu",
    "verify",
]
