"""What summary, terminal and report say of certificates: who was how carbon-free, and that nothing was counted twice."""

from typing import Any

from api.day import tallies
from api.day.certificates import Certificates, Consumer
from contracts.carbon_free import Score
from market.units import PPM_ONE, Commodity

Rows = list[tuple[str, ...]]

CONSUMER_COLUMNS = (
    "consumer",
    "role",
    "green class bought",
    "energy",
    "matched",
    "carbon-free",
    "hours at 80%",
)
SOURCE_COLUMNS = ("energy type", "metered", "issued", "retired", "held still")


def share(score: Score) -> float:
    """Return a score as a share, 0 to 1."""
    return score.share / PPM_ONE


def as_dict(certificates: Certificates) -> dict[str, Any]:
    """Return the certificates as plain JSON values: kWh as exact decimal strings, shares between 0 and 1."""
    return {
        "place": certificates.place,
        "trades_pledged": certificates.trades_pledged,
        "metered": _exact(certificates.metered_wh),
        "issued": _exact(certificates.issued_wh),
        "retired": _exact(certificates.retired_wh),
        "held": _exact(certificates.held_wh),
        "difference": _exact(certificates.difference_wh),
        "by_energy_type": {
            source.energy_type: {
                "metered": _exact(source.metered_wh),
                "issued": _exact(source.issued_wh),
                "retired": _exact(source.retired_wh),
                "held": _exact(source.held_wh),
            }
            for source in certificates.sources
        },
        "energy": _exact(certificates.together.load_wh),
        "matched": _exact(certificates.together.matched_wh),
        "carbon_free_share": round(share(certificates.together), 4),
        "carbon_free_by_hour": {
            str(hour): round(share(score), 4) for hour, score in certificates.by_hour.items()
        },
        "consumers": {
            consumer.name: {
                "role": consumer.role,
                "green_classes": [f"G{green}" for green in consumer.green_classes],
                "energy": _exact(consumer.whole_day.load_wh),
                "matched": _exact(consumer.whole_day.matched_wh),
                "carbon_free_share": round(share(consumer.whole_day), 4),
                "hours": len(consumer.scores),
                "green_hours": consumer.green_hours,
            }
            for consumer in certificates.consumers
        },
        "transactions": certificates.transactions,
        "gas": certificates.gas,
    }


def consumer_rows(certificates: Certificates) -> tuple[Rows, tuple[str, ...]]:
    """Return a row for each consumer, the most carbon-free first, and the row of all together."""
    ordered = sorted(certificates.consumers, key=lambda each: (-each.whole_day.share, each.name))
    hours = sum(len(each.scores) for each in ordered)
    green = sum(each.green_hours for each in ordered)
    together = certificates.together
    total = (
        "together", "", "", _kwh(together.load_wh), _kwh(together.matched_wh), f"{share(together):.1%}",
        f"{green} of {hours}",
    )  # fmt: skip
    return [_consumer_row(each) for each in ordered], total


def _consumer_row(consumer: Consumer) -> tuple[str, ...]:
    day = consumer.whole_day
    return (
        consumer.name,
        consumer.role,
        ", ".join(f"G{green}" for green in consumer.green_classes) or "own use",
        _kwh(day.load_wh),
        _kwh(day.matched_wh),
        f"{share(day):.1%}",
        f"{consumer.green_hours} of {len(consumer.scores)}",
    )


def source_rows(certificates: Certificates) -> tuple[Rows, tuple[str, ...]]:
    """Return a row for each energy type that was certified, and the sums."""
    rows = [
        (
            source.energy_type.lower(),
            *map(_kwh, (source.metered_wh, source.issued_wh, source.retired_wh, source.held_wh)),
        )
        for source in certificates.sources
    ]
    sums = (
        certificates.metered_wh,
        certificates.issued_wh,
        certificates.retired_wh,
        certificates.held_wh,
    )
    return rows, ("together", *map(_kwh, sums))


def told(certificates: Certificates) -> str:
    """Tell in a paragraph what the certificates came to."""
    together = certificates.together
    if not together.load_wh:
        return "No compute was delivered, so no certificate was retired for any."
    reached = sum(
        1
        for consumer in certificates.consumers
        if consumer.scores and consumer.green_hours == len(consumer.scores)
    )
    return (
        f"Certificates of {certificates.issued_wh / _WH:,.0f} kWh of carbon-free energy came to be, one for each Wh that a "
        f"meter read; {certificates.retired_wh / _WH:,.0f} kWh were retired, each once, for the hour in which compute was "
        f"delivered. Matched hour by hour, {share(together):.1%} of the energy behind compute was carbon-free; "
        f"{reached or 'none'} of {len(certificates.consumers)} consumers reached 80% in every hour, which is what green "
        "class G2 asks."
    )


_WH = Commodity.ENE.lots_per_unit


def _exact(wh: int) -> str:
    return tallies.units(wh, Commodity.ENE)


def _kwh(wh: int) -> str:
    return f"{wh / _WH:,.1f} kWh"
