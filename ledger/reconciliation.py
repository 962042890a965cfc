"""Compare a record with the contract: balances, the record hashes of settlement batches, every trade that was locked.

What the contract says is read elsewhere and handed in as plain values, so that whoever has a record and a node can check.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from ledger.accounts import AccountKind
from ledger.bookkeeping import Books, tokens
from ledger.finding import Finding
from ledger.holdings import ReadHoldings
from market.events import Event, TradeAgreed
from market.instruments import from_id
from market.orders import Address
from market.settlement import GuaranteeOpened, GuaranteePaid, TradeDelivered, TradeLocked, TradeVoided
from market.trades import TradeState
from market.units import Lots, Micros


@dataclass(frozen=True, slots=True)
class ChainBalance:
    """What the contract holds for one participant, in micros."""

    free_micros: Micros
    locked_micros: Micros


@dataclass(frozen=True, slots=True)
class SettledTrade:
    """A trade that the contract locked and what became of it, as the record or the chain tells it.

    The last seven are zero until a guarantee pays out; `delivered_lots` is known once it is opened.
    """

    batch_number: int
    instrument_id: int
    buyer: Address
    seller: Address
    price_micros: Micros
    quantity_lots: Lots
    payment_micros: Micros
    fee_micros: Micros
    collateral_micros: Micros
    state: TradeState = TradeState.LOCKED
    delivered_lots: Lots = Lots(0)
    paid_to_seller: Micros = Micros(0)
    paid_fee: Micros = Micros(0)
    returned_to_buyer: Micros = Micros(0)
    compensation: Micros = Micros(0)
    paid_to_fallback: Micros = Micros(0)
    gap: Micros = Micros(0)


@dataclass(frozen=True, slots=True)
class ChainValues:
    """What was read from the contract: balances by participant, and the record hashes of its settlement batches.

    `fee_recipient` is whom the contract credits the venue's fees; its own money, if any, is added to them. `trades` are
    those that it locked, by number; None where they were not read. `read_holdings` asks for certificates, whose contract
    the record names; None where it cannot be asked.
    """

    balances: Mapping[Address, ChainBalance]
    fee_recipient: Address
    record_hashes: tuple[bytes, ...] = ()
    trades: Mapping[int, SettledTrade] | None = None
    read_holdings: ReadHoldings | None = None


class RecordedTrades:
    """The trades of a record that the contract locked, followed event by event."""

    def __init__(self) -> None:
        self.settled: dict[int, SettledTrade] = {}
        self.locking: set[bytes] = set()
        """The transactions that locked them."""
        self._agreed: dict[int, TradeAgreed] = {}

    def note(self, events: Sequence[Event]) -> None:
        """Take in what a batch caused."""
        for event in events:
            match event:
                case TradeAgreed(number):
                    self._agreed[number] = event
                case TradeVoided(number):
                    del self._agreed[number]
                case TradeLocked(number, batch_number):
                    self.settled[number] = _locked(self._agreed.pop(number), batch_number)
                    self.locking.add(event.transaction)
                case TradeDelivered(number):
                    trade = self.settled[number]
                    self.settled[number] = replace(
                        trade, state=TradeState.DELIVERED, delivered_lots=trade.quantity_lots
                    )
                case GuaranteeOpened(number):
                    trade = self.settled[number]
                    self.settled[number] = replace(
                        trade, state=TradeState.OPENED, delivered_lots=event.delivered_lots
                    )
                case GuaranteePaid(number):
                    self.settled[number] = replace(
                        self.settled[number],
                        state=TradeState.PAID_OUT,
                        delivered_lots=event.delivered_lots,
                        paid_to_seller=event.paid_to_seller,
                        paid_fee=event.fee,
                        returned_to_buyer=event.returned_to_buyer,
                        compensation=event.compensation,
                        paid_to_fallback=event.paid_to_fallback,
                        gap=event.gap,
                    )


def _locked(agreed: TradeAgreed, batch_number: int) -> SettledTrade:
    tick = from_id(agreed.instrument_id).commodity.tick_micros
    return SettledTrade(
        batch_number,
        agreed.instrument_id,
        agreed.buyer,
        agreed.seller,
        Micros(agreed.price_ticks * tick),
        agreed.quantity_lots,
        agreed.payment_micros,
        agreed.fee_micros,
        agreed.collateral_micros,
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """One balance, in micros, that the contract and the books do not agree on."""

    what: str
    on_chain: int
    in_books: int

    def finding(self) -> Finding:
        """Return it in words."""
        detail = f"found {tokens(self.on_chain)} on chain, expected {tokens(self.in_books)} as in the books"
        return Finding("reconciliation", self.what, detail)


def compare_balances(books: Books, chain: ChainValues) -> Iterator[Difference]:
    """Compare what the contract holds for each participant with the books."""
    participants = {
        account.participant
        for account, _ in books.balances.items()
        if account.kind not in (AccountKind.FEES, AccountKind.CUSTODY)
    }
    fees = books.trial_balance().by_kind[AccountKind.FEES]
    for participant in sorted(participants | set(chain.balances) | {chain.fee_recipient}):
        found = chain.balances.get(participant, ChainBalance(Micros(0), Micros(0)))
        free = int(books.unlocked(participant))
        if participant == chain.fee_recipient:
            free += fees
        locked = books.balances.of(AccountKind.LOCKED, participant)
        for what, on_chain, in_books in (
            ("free", found.free_micros, free),
            ("locked", found.locked_micros, locked),
        ):
            if on_chain != in_books:
                yield Difference(f"{what} of 0x{participant.hex()}", on_chain, in_books)


def compare_anchors(anchors: Sequence[bytes], numbers: Mapping[bytes, int]) -> Iterator[Finding]:
    """Look for the rows whose hashes the contract was given, batch by batch; `numbers` are those of the rows, by hash.

    A settlement batch carries the hash of the last row of its time, so the rows must follow each other, too.
    """
    before = 0
    for batch_number, anchor in enumerate(anchors, start=1):
        where = f"settlement batch {batch_number}, 0x{anchor.hex()}"
        number = numbers.get(anchor)
        if number is None:
            yield Finding("anchors", where, "the contract knows this hash, the record has no such row")
        elif number < before:
            yield Finding("anchors", where, f"found it as row {number}, expected row {before} or later")
        else:
            before = number


def compare_trades(
    recorded: Mapping[int, SettledTrade], chain: Mapping[int, SettledTrade]
) -> Iterator[Finding]:
    """Compare what was locked, delivered and paid out, trade by trade."""
    for number in sorted(recorded.keys() | chain.keys()):
        found, expected = chain.get(number), recorded.get(number)
        if found is None or expected is None:
            told = "the record says that it was locked, the contract does not know it"
            if found is not None:
                told = f"the contract locked it in batch {found.batch_number}, the record does not know of it"
            yield Finding("settlement", f"trade {number}", told)
            continue
        for field in fields(SettledTrade):
            there, here = getattr(found, field.name), getattr(expected, field.name)
            if there != here:
                detail = (
                    f"{field.name}: found {_shown(there)} on chain, expected {_shown(here)} as in the record"
                )
                yield Finding("settlement", f"trade {number}", detail)


def _shown(value: int | bytes) -> str:
    if isinstance(value, TradeState):
        return value.name.lower()
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
