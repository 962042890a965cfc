"""The certificates of a market day: sellers pledge carbon-free energy, buyers receive it, data centres retire it.

    locked on chain, hour not metered  -> the seller's `pledge`
    trade over on chain                -> `deliverPledged`, which anybody may send: the operator does
    day over                           -> each data centre's `retire`, for the compute that it delivered

Whoever must send a transaction sends its own. What was traded is learnt from the contract's events, as a participant
would; what was delivered of it stands in the record.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from api.day.certificates import Certificates, Consumer, Source
from api.day.locked import LockedLeaves
from api.day.parts import Role
from api.day.rescuing import Rescuing
from api.day.retirement import Use, claims_of_hour, consumer_of
from api.day.scenario import Scenario
from api.house import House
from contracts.carbon_free import CARBON_FREE, hourly_scores
from contracts.certificate import CLAIMS_MAX, LEAVES_MAX, Claim
from contracts.certificate_ids import CertificateId, from_id
from contracts.chain import Transaction
from contracts.deployment import deploy_certificate
from contracts.leaves import Leaf
from contracts.sending import send_all
from contracts.signing import Signer
from market.instruments import Instrument
from market.instruments import from_id as instrument_of
from market.orders import Address
from market.trades import TradeState
from market.units import Commodity, InvariantBroken, Lots

_Item = TypeVar("_Item")

_OVER = frozenset({TradeState.DELIVERED, TradeState.PAID_OUT})
_BALANCES_MAX = 500
"""Balances to ask for in one call."""

Holding = tuple[Address, int]
"""Whose certificates of which id."""


@dataclass(frozen=True, slots=True)
class _Pledged:
    """A trade whose certificates were promised, and the id that they will have."""

    leaf: Leaf
    certificate_id: int


class Certifying:
    """The certificates of one day in one house. Call `pledge` after each lock, `deliver` after each step of the settler."""

    def __init__(
        self,
        scenario: Scenario,
        house: House,
        signers: Sequence[Signer],
        locked: LockedLeaves,
        rescuing: Rescuing,
    ) -> None:
        self._scenario = scenario
        self._house = house
        self._signers = signers
        self._locked = locked
        self._rescuing = rescuing
        self._signer_of = {signer.address: signer for signer in signers}
        self._contract = deploy_certificate(house.chain, house.deployment.settlement)
        house.settler.adopt(self._contract)
        self._next_block = house.chain.block_number()
        self._issued: Counter[Holding] = Counter()
        self._claims: list[Claim] = []
        self._batches_seen = 0
        self._waiting: list[_Pledged] = []
        self._pledged: list[_Pledged] = []
        self._transactions = 0
        self._gas = 0
        self._wh_per_gpu_hour = {
            (signers[site.owner].address, scenario.series[scenario.meters[meter].series].resource): wh
            for site in scenario.sites
            for meter, wh in site.wh_per_gpu_hour
        }

    # --- on the chain -----------------------------------------------------------------------------------------------

    def pledge(self) -> None:
        """Let sellers promise the certificates of what was locked since the last call; its hours are not metered yet."""
        sending = []
        self._locked.look()
        for number, leaves in self._locked.batches(after=self._batches_seen).items():
            of_seller: defaultdict[Address, list[int]] = defaultdict(list)
            for leaf in leaves:
                instrument = instrument_of(leaf.instrument_id)
                if instrument.commodity is Commodity.ENE and instrument.product in CARBON_FREE:
                    of_seller[leaf.seller].append(leaf.position)
                    self._waiting.append(
                        _Pledged(leaf, CertificateId.of(instrument, self._meter_of(leaf)).id)
                    )
            sending += [
                (self._signer_of[seller], self._contract.pledge(number, leaves, chunk))
                for seller, positions in of_seller.items()
                for chunk in _chunks(positions, LEAVES_MAX)
            ]
            self._batches_seen = number
        self._send(sending)

    def deliver(self) -> None:
        """Certify what was delivered of the pledged trades that are over, to their buyers."""
        trade = self._house.venue.exchange.trade
        over = [one for one in self._waiting if trade(one.leaf.trade_number).state in _OVER]
        done = {one.leaf.trade_number for one in over}
        self._waiting = [one for one in self._waiting if one.leaf.trade_number not in done]
        self._pledged += over
        self._send(
            (self._house.chain.operator, self._contract.deliver_pledged([one.leaf for one in chunk]))
            for chunk in _chunks(over, LEAVES_MAX)
        )

    def retire(self) -> None:
        """Let each data centre retire what it holds, hour by hour, for the compute that it delivered."""
        self._look()
        uses = self._uses()
        sending = []
        for participant, signer in zip(self._scenario.participants, self._signers, strict=True):
            if participant.role is not Role.DATA_CENTRE:
                continue
            claims: list[Claim] = []
            for hour in sorted({hour for owner, hour in uses if owner == signer.address}):
                of_hour = {
                    certificate_id: Lots(wh)
                    for (owner, certificate_id), wh in self._issued.items()
                    if owner == signer.address and from_id(certificate_id).start_hour == hour
                }
                claims += claims_of_hour(of_hour, uses[signer.address, hour], place=self._place)
            sending += [
                (signer, self._contract.retire(signer.address, chunk))
                for chunk in _chunks(claims, CLAIMS_MAX)
            ]
        self._send(sending)

    def _send(self, sending: Iterable[tuple[Signer, Transaction]]) -> None:
        if signed := list(sending):
            self._gas += sum(receipt.gas_used for receipt in send_all(self._house.chain, signed))
            self._transactions += len(signed)

    def _meter_of(self, leaf: Leaf) -> Address:
        """Return the meter of a leaf's seller, which is the same all day."""
        registered = self._house.venue.exchange.meter(leaf.seller, leaf.resource)
        if registered is None:
            raise InvariantBroken(f"trade {leaf.trade_number}: was locked, but its seller has no meter")
        return registered.meter

    # --- what is left behind ----------------------------------------------------------------------------------------

    @property
    def _place(self) -> str:
        """The grid zone from which the data centres of all places take their energy."""
        return next(
            series.instruments[0].place
            for series in self._scenario.series
            if series.commodity is Commodity.ENE
        )

    def result(self) -> Certificates:
        """Return the day's certificates: scores from the contract's events alone, and what does not agree with them.

        Raises:
            InvariantBroken: if more was retired than issued of a certificate, or more issued than metered.
        """
        self._look()
        issued, claims = self._issued, self._claims
        retired: Counter[int] = Counter()
        for claim in claims:
            retired[claim.certificate_id] += claim.amount_wh
        issued_of: Counter[int] = Counter()
        for (_, certificate_id), wh in issued.items():
            issued_of[certificate_id] += wh
        held = self._held(issued)
        metered = self._metered()
        for certificate_id in issued_of.keys() | retired.keys():
            found = (
                retired[certificate_id],
                issued_of[certificate_id],
                metered.get(certificate_id, 0),
            )
            if not found[0] <= found[1] <= found[2]:
                raise InvariantBroken(
                    f"{from_id(certificate_id)}: found {found[0]} Wh retired, {found[1]} issued and {found[2]} "
                    "metered, expected each at most the next"
                )
        return Certificates(
            place=self._place,
            sources=_sources(metered, issued_of, retired, held),
            consumers=self._consumers(claims),
            trades_pledged=len(self._pledged) + len(self._waiting),
            transactions=self._transactions,
            gas=self._gas,
            difference_wh=self._difference(issued, issued_of, retired, held),
        )

    def _difference(
        self,
        issued: Mapping[Holding, int],
        issued_of: Counter[int],
        retired: Counter[int],
        held: Mapping[int, int],
    ) -> Lots:
        """Return what the contract issued otherwise than the record says was delivered, and what it lost or has too much."""
        delivered: Counter[Holding] = Counter()
        for one in self._pledged:
            trade = self._house.venue.exchange.trade(one.leaf.trade_number)
            delivered[one.leaf.buyer, one.certificate_id] += trade.delivered_lots
        otherwise = sum(
            abs(delivered[holding] - issued.get(holding, 0)) for holding in delivered.keys() | issued.keys()
        )
        lost = sum(
            abs(wh - retired[certificate_id] - held.get(certificate_id, 0))
            for certificate_id, wh in issued_of.items()
        )
        return Lots(otherwise + lost)

    def _look(self) -> None:
        """Read what the contract told since the last look: what it issued to whom, and what was retired for what."""
        last = self._house.chain.block_number()
        issues, claims = self._contract.issued_and_claimed(
            self._house.chain, from_block=self._next_block, to_block=last
        )
        for issue in issues:
            self._issued[issue.owner, issue.certificate_id] += issue.amount_wh
        self._claims += claims
        self._next_block = last + 1

    def _held(self, issued: Mapping[Holding, int]) -> dict[int, int]:
        """Ask the contract what all who were issued certificates hold now, by id."""
        holdings = list(issued)
        found: Counter[int] = Counter()
        for chunk in _chunks(holdings, _BALANCES_MAX):
            balances = self._contract.balances_of(self._house.chain, chunk)
            for (_, certificate_id), wh in zip(chunk, balances, strict=True):
                found[certificate_id] += wh
        return found

    def _metered(self) -> dict[int, Lots]:
        """Return what the record says that the meters of the pledged hours read, by certificate id."""
        found = {}
        for one in self._pledged:
            reading = self._house.venue.exchange.reading(self._meter_of(one.leaf), one.leaf.start_hour)
            found[one.certificate_id] = Lots(0) if reading is None else reading.delivered_lots
        return found

    def _uses(self) -> dict[tuple[Address, int], list[Use]]:
        """Return what data centres used for the compute that they delivered, by data centre and hour."""
        lots: Counter[tuple[Address, Instrument, Address]] = Counter()
        for trade in self._house.venue.exchange.trades():
            instrument = instrument_of(trade.agreed.instrument_id)
            if instrument.commodity is Commodity.CMP and trade.state in _OVER and trade.delivered_lots:
                data_centre = trade.agreed.seller
                consumer = consumer_of(instrument, buyer=trade.agreed.buyer, data_centre=data_centre)
                lots[data_centre, instrument, consumer] += trade.delivered_lots
        for leaf, supplier, hour, rescued in self._rescuing.deliveries():
            instrument = replace(instrument_of(leaf.instrument_id), start_hour=hour)
            lots[supplier, instrument, consumer_of(instrument, buyer=leaf.buyer, data_centre=supplier)] += (
                rescued
            )
        found: defaultdict[tuple[Address, int], list[Use]] = defaultdict(list)
        for (data_centre, instrument, consumer), delivered in lots.items():
            wh = self._wh_per_gpu_hour[data_centre, instrument.resource]
            energy = Lots(-(-delivered * wh // Commodity.CMP.lots_per_unit))
            found[data_centre, instrument.start_hour].append(Use(instrument, consumer, energy))
        return dict(found)

    def _consumers(self, claims: Sequence[Claim]) -> tuple[Consumer, ...]:
        loads: defaultdict[Address, Counter[int]] = defaultdict(Counter)
        classes: defaultdict[Address, set[int]] = defaultdict(set)
        for (data_centre, hour), uses in self._uses().items():
            for use in uses:
                loads[use.consumer][hour] += use.energy_wh
                if use.consumer != data_centre:
                    classes[use.consumer].add(use.instrument.green)
        consumers = []
        for participant, signer in zip(self._scenario.participants, self._signers, strict=True):
            if signer.address not in loads:
                continue
            scores = hourly_scores(
                {hour: Lots(wh) for hour, wh in sorted(loads[signer.address].items())},
                claims,
                beneficiary=signer.address,
                place=self._place,
            )
            by_hour = {hour - self._scenario.first_hour: score for hour, score in scores.items()}
            green_classes = tuple(sorted(classes[signer.address]))
            consumers.append(Consumer(participant.name, participant.role.value, green_classes, by_hour))
        return tuple(consumers)


def _sources(
    metered: Mapping[int, int], issued: Counter[int], retired: Counter[int], held: Mapping[int, int]
) -> tuple[Source, ...]:
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for certificate_id in metered:
        figures = (
            metered[certificate_id],
            issued[certificate_id],
            retired[certificate_id],
            held.get(certificate_id, 0),
        )
        of_type = found[from_id(certificate_id).product]
        of_type[:] = [before + wh for before, wh in zip(of_type, figures, strict=True)]
    return tuple(Source(product, *map(Lots, figures)) for product, figures in sorted(found.items()))


def _chunks(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
