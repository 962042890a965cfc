"""What a market day tells of its certificates: how many there were, and how carbon-free each consumer was, by the hour."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from contracts.carbon_free import Score, total
from market.units import Lots, Ppm

GREEN_HOUR_PPM = Ppm(800_000)
"""The share that green class G2 asks of each hour."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """Somebody for whom certificates could be retired: its energy behind compute by UTC hour, 0 to 23.

    `green_classes` are those under which it bought compute; none for a data centre's own use.
    """

    name: str
    role: str
    green_classes: tuple[int, ...]
    scores: Mapping[int, Score]

    @property
    def whole_day(self) -> Score:
        """All hours together."""
        return total(self.scores.values())

    @property
    def green_hours(self) -> int:
        """Hours in which it reached the share that green class G2 asks."""
        return sum(score.share >= GREEN_HOUR_PPM for score in self.scores.values())


@dataclass(frozen=True, slots=True)
class Source:
    """Certificates of one energy type, in Wh: what the meters of the pledged hours read, issued, retired, still held."""

    energy_type: str
    metered_wh: Lots
    issued_wh: Lots
    retired_wh: Lots
    held_wh: Lots


@dataclass(frozen=True)
class Certificates:
    """The certificates of a day. `difference_wh` is what does not agree between record, events and contract: 0."""

    place: str
    sources: tuple[Source, ...]
    consumers: tuple[Consumer, ...]
    trades_pledged: int
    transactions: int
    gas: int
    difference_wh: Lots

    @cached_property
    def issued_wh(self) -> Lots:
        """Wh certified."""
        return Lots(sum(source.issued_wh for source in self.sources))

    @cached_property
    def retired_wh(self) -> Lots:
        """Wh retired for consumption."""
        return Lots(sum(source.retired_wh for source in self.sources))

    @cached_property
    def metered_wh(self) -> Lots:
        """Wh that the meters of certified hours read."""
        return Lots(sum(source.metered_wh for source in self.sources))

    @cached_property
    def held_wh(self) -> Lots:
        """Wh certified and not retired."""
        return Lots(sum(source.held_wh for source in self.sources))

    @cached_property
    def by_hour(self) -> dict[int, Score]:
        """The score of all consumers together, for each hour in which one used energy."""
        hours = sorted({hour for consumer in self.consumers for hour in consumer.scores})
        return {
            hour: total(consumer.scores[hour] for consumer in self.consumers if hour in consumer.scores)
            for hour in hours
        }

    @cached_property
    def together(self) -> Score:
        """The score of all consumers and hours together."""
        return total(self.by_hour.values())
