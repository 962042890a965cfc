"""What a check of properties finds: for each property whether it holds here, by how much not, and a witness."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from pricing.errors import number


class Property(StrEnum):
    """What a mechanism may promise."""

    INDIVIDUAL_RATIONALITY = "individual rationality"
    INCENTIVES = "incentive compatibility"
    BUDGET_BALANCE = "budget balance"
    EFFICIENCY = "efficiency"
    PARETO = "Pareto efficiency"
    SYMMETRY = "symmetry"
    SCALE_INVARIANCE = "scale invariance"
    INDEPENDENCE = "irrelevant alternatives"
    MONOTONICITY = "monotonicity"


class Answer(StrEnum):
    """Whether a property is promised: wholly, in its weaker form, not at all, or no question to ask."""

    YES = "yes"
    WEAK = "weak"
    NO = "no"
    NOT_APPLICABLE = "-"


@dataclass(frozen=True, slots=True)
class Measured:
    """How far an instance is from a property: `worst` is at most the slack where it holds."""

    holds: bool
    worst: float
    explanation: str
    witness: object = None


def measured(worst: float, slack: float, explanation: str, witness: object = None) -> Measured:
    """Return whether `worst` is within `slack`; a witness is kept only of what does not hold.

    >>> measured(0.5, 1e-9, "pays half a dollar", witness="lab").witness
    'lab'
    """
    holds = worst <= slack
    return Measured(holds, worst if worst > 0 else 0.0, explanation, None if holds else witness)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one property.

    Attributes:
        property: which.
        claimed: what the mechanism promises of it here; None where it promises nothing either way.
        terms: in which sense or within which bound, and why.
        holds: whether it holds here: in the form that is claimed, else wholly. None if it was not tried.
        worst: by how much it fails at worst, in the unit that the explanation names; 0 if it does not.
        explanation: what was tried, and what happened.
        witness: what shows that it fails: a `Lie`, a smaller problem, a participant; None if it holds.
        violated: whether it was claimed and does not hold.

    Raises:
        PricingError: if `worst` is no finite number of at least 0.
    """

    property: Property
    claimed: Answer | None
    terms: str
    holds: bool | None
    worst: float
    explanation: str
    witness: object = None
    violated: bool = field(init=False)

    def __post_init__(self) -> None:
        number("worst", self.worst, low=0)
        broken = self.holds is False and self.claimed in (Answer.YES, Answer.WEAK)
        object.__setattr__(self, "violated", broken)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of a mechanism on an instance, a finding for each property."""

    mechanism: str
    findings: tuple[Finding, ...]

    @property
    def violations(self) -> tuple[Finding, ...]:
        """The properties that were claimed and do not hold."""
        return tuple(finding for finding in self.findings if finding.violated)

    def __getitem__(self, wanted: Property) -> Finding:
        for finding in self.findings:
            if finding.property is wanted:
                return finding
        raise KeyError(wanted)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __str__(self) -> str:
        said = {True: "yes", False: "no", None: "-"}
        rows = [("property", "claimed", "holds", "worst", "what was found")]
        rows += [
            (
                str(each.property),
                "?" if each.claimed is None else str(each.claimed),
                f"{said[each.holds]}{' !' if each.violated else ''}",
                "" if each.holds is None else f"{each.worst:.4g}",
                each.explanation,
            )
            for each in self.findings
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            "  ".join((*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[4]))
            for row in rows
        ]
        return "\n".join((f"{self.mechanism}: {len(self.violations)} violated", *lines))
