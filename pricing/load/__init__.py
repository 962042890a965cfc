"""Load prices beyond one resource: posted curves, coupled controllers, links, stocks, queues and peaks.

The controller of one resource and its limits are in `pricing.dynamic`. Each module here answers one question: where a
posted curve settles (`posted`), how elastic demand is (`elasticity`), whether coupled prices settle (`coupled`), what
links are worth (`links`), how to sell a fixed stock (`inventory`), what to keep for later (`protection`), how long a
queue should be (`queueing`), what to list side by side (`logit`) and who pays for capacity (`peak_load`).
"""

from pricing.load.coupled import CoupledController, CoupledDiagnosis
from pricing.load.elasticity import ElasticityEstimate, estimate_elasticity
from pricing.load.inventory import ReservationSale
from pricing.load.links import LinkShares, SharedLinks
from pricing.load.logit import LogitPrices, logit_prices
from pricing.load.peak_load import PeakLoadPrices, peak_load_prices
from pricing.load.posted import PostedLoad, posted_load
from pricing.load.protection import nested_protection, protection_level
from pricing.load.queueing import AdmissionToll, admission_toll

__all__ = [
    "AdmissionToll",
    "CoupledController",
    "CoupledDiagnosis",
    "ElasticityEstimate",
    "LinkShares",
    "LogitPrices",
    "PeakLoadPrices",
    "PostedLoad",
    "ReservationSale",
    "SharedLinks",
    "admission_toll",
    "estimate_elasticity",
    "logit_prices",
    "nested_protection",
    "peak_load_prices",
    "posted_load",
    "protection_level",
]
