"""Properties: what a mechanism promises, and whether it keeps it on an instance.

`check_properties` tries each on orders, a bargaining problem, a menu problem or the agents of a coalition, by means that
know nothing of the mechanism, and gives a `Report`; where something does not hold it has a witness, as the `Lie` that pays
most. `CLAIMS` is the property matrix. A mechanism of one's own gives back `Fills`, payoffs, items or `Exchanged`.
"""

from pricing.properties.auction_trial import Fills
from pricing.properties.bargaining_trial import SOLUTIONS
from pricing.properties.check import check_properties
from pricing.properties.claims import CLAIMS, Claim, Condition
from pricing.properties.coalition_trial import Exchanged
from pricing.properties.findings import Answer, Finding, Property, Report
from pricing.properties.incentives import Lie
from pricing.properties.menu_trial import ProcurementProblem, QualityProblem

__all__ = [
    "CLAIMS",
    "SOLUTIONS",
    "Answer",
    "Claim",
    "Condition",
    "Exchanged",
    "Fills",
    "Finding",
    "Lie",
    "ProcurementProblem",
    "Property",
    "QualityProblem",
    "Report",
    "check_properties",
]
