"""What `scenario.toml` may say: its tables, their keys, and the range of each number."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from api.day.inputs import HOURS
from market.listing import TradePriceRule

Name = Annotated[str, msgspec.Meta(pattern=r"^[^\W_][\w .,&'()-]{0,39}\Z")]
Code = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9-]{1,8}\Z")]
PathCode = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9-]{1,8}>[A-Z0-9-]{1,8}\Z")]
Tier = Annotated[int, msgspec.Meta(ge=0, le=4)]
FeeBps = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Codes = Annotated[tuple[Code, ...], msgspec.Meta(min_length=1)]
PathCodes = Annotated[tuple[PathCode, ...], msgspec.Meta(min_length=1)]
BuyerRole = Literal["AI lab", "factory", "media firm", "retailer"]

# Range of each number that has one of its own: lowest, highest, and whether the lowest is itself allowed.
_LARGEST = Decimal(10) ** 12
_SHARE = (Decimal(0), Decimal(1), True)
_ABOVE_ZERO = (Decimal(0), _LARGEST, False)
ANY_NUMBER = (Decimal(0), _LARGEST, True)
RANGES = {
    "cost_share": _SHARE,
    "delivered": _SHARE,
    "expected_load": _SHARE,
    "haircut": _SHARE,
    "share": _SHARE,
    "share_of_range": _SHARE,
    "wants": _SHARE,
    "pue": (Decimal(1), Decimal(10), True),
    "worth": (Decimal(0), Decimal(100), False),
    "kw_per_mw": (Decimal(0), Decimal(1000), False),
    "context_tokens": _ABOVE_ZERO,
    "gb_per_hour": _ABOVE_ZERO,
    "generated_tokens": _ABOVE_ZERO,
    "mbps": _ABOVE_ZERO,
    "parameters": (Decimal(0), Decimal(10) ** 15, False),
    "requests_per_day": _ABOVE_ZERO,
    "rtt_ms": _ABOVE_ZERO,
    "usd_per_gb": _ABOVE_ZERO,
}


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class EnergyType(_Table, frozen=True):
    """An energy type. `cost` is per kWh; a `metered` type delivers what the file says, the others what they sold."""

    product: Code
    tier: Tier
    cost: Decimal
    haircut: Decimal = Decimal(0)
    metered: bool = False


class Energy(_Table, frozen=True):
    """Where energy is delivered, from which file its figures come and what one MW of it is here, in kW."""

    place: Code
    generation: str
    source: str
    kw_per_mw: Decimal
    rule: TradePriceRule
    fee_bps: FeeBps
    type: tuple[EnergyType, ...]


class Generator(_Table, frozen=True):
    """A generator and its share of its type's output."""

    name: Name
    product: Code
    share: Decimal
    deposit: Decimal


class EnergyBuyer(_Table, frozen=True):
    """A buyer of energy: what share of each type's offered output it wants, at a multiple of the reference price."""

    name: Name
    role: BuyerRole
    wants: dict[Code, Decimal]
    worth: Decimal
    deposit: Decimal


class Zone(_Table, frozen=True):
    """A place of data centres and path ends, and the cloud region whose figures stand for it."""

    code: Code
    region: str


class ComputeClass(_Table, frozen=True):
    """An accelerator class with the quality tier and green class that it is sold under."""

    product: Code
    tier: Tier
    green: Tier


class Compute(_Table, frozen=True):
    """How compute is traded; `cost_share` is a data centre's reserve price over its base price."""

    rule: TradePriceRule
    fee_bps: FeeBps
    cost_share: Decimal
    class_: tuple[ComputeClass, ...] = msgspec.field(name="class")


class DataCentre(_Table, frozen=True):
    """A data centre: its accelerators, and the energy that it wants; `premium` per kWh is for renewable energy."""

    name: Name
    zone: Code
    pue: Decimal
    gpus: dict[Code, int]
    expected_load: Decimal
    energy: Codes
    premium: Decimal
    deposit: Decimal


class Standby(_Table, frozen=True):
    """GPUs of a class that one data centre keeps ready for another; `strike` per GPU·h, `premium` for the day."""

    holder: Name
    supplier: Name
    class_: Code = msgspec.field(name="class")
    gpus: Annotated[int, msgspec.Meta(ge=1)]
    strike: Decimal
    premium: Decimal


class Outage(_Table, frozen=True):
    """An hour in which a data centre delivers only a share of what it sold of a class."""

    data_centre: Name
    class_: Code = msgspec.field(name="class")
    hour: Annotated[int, msgspec.Meta(ge=0, le=23)]
    delivered: Decimal


class Workload(_Table, frozen=True):
    """LLM requests of a day, their shape over the hours, and the model that answers them."""

    source: str
    model: str
    parameters: Decimal
    measured_on: Code
    share_of_range: Decimal
    requests_per_day: Decimal
    context_tokens: Decimal
    generated_tokens: Decimal
    profile: Annotated[tuple[Decimal, ...], msgspec.Meta(min_length=HOURS, max_length=HOURS)]


class ComputeBuyer(_Table, frozen=True):
    """A buyer of compute: a share of the tokens, on one class, in equal parts in its zones."""

    name: Name
    role: BuyerRole
    class_: Code = msgspec.field(name="class")
    zones: Codes
    share: Decimal
    worth: Decimal
    deposit: Decimal


class NetworkPath(_Table, frozen=True):
    """A path between two zones, one way, with figures of the scenario's own."""

    from_: Code = msgspec.field(name="from")
    to: Code
    product: Code
    tier: Tier
    usd_per_gb: Decimal
    rtt_ms: Decimal
    mbps: Decimal


class Network(_Table, frozen=True):
    """How paths are traded; `cost_share` is a carrier's reserve price over the base price."""

    rule: TradePriceRule
    fee_bps: FeeBps
    cost_share: Decimal
    path: tuple[NetworkPath, ...]


class Carrier(_Table, frozen=True):
    """A carrier and its share of each of its paths."""

    name: Name
    paths: PathCodes
    share: Decimal
    deposit: Decimal


class NetworkBuyer(_Table, frozen=True):
    """A buyer of paths. Role and deposit stand only with a participant that no other table has named."""

    name: Name
    paths: PathCodes
    gb_per_hour: Decimal
    worth: Decimal
    role: BuyerRole | None = None
    deposit: Decimal | None = None


class Layout(_Table, frozen=True):
    """A whole scenario file."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    description: str
    delivery_day: date
    energy: Energy
    generator: tuple[Generator, ...]
    energy_buyer: tuple[EnergyBuyer, ...]
    zone: tuple[Zone, ...]
    compute: Compute
    data_centre: tuple[DataCentre, ...]
    workload: Workload
    compute_buyer: tuple[ComputeBuyer, ...]
    network: Network
    carrier: tuple[Carrier, ...]
    network_buyer: tuple[NetworkBuyer, ...]
    standby: tuple[Standby, ...] = ()
    outage: tuple[Outage, ...] = ()
