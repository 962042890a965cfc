"""What the settlement batches of a day cost: gas to lock and to deliver each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from api.day.result import SettlementRow
from api.hearing import batch_of
from contracts.chain import Receipt
from ledger.outbox import OutboxEntry
from market.instruments import from_id
from market.trades import Trade, TradeState


@dataclass
class _Batch:
    trade_numbers: tuple[int, ...]
    settle_gas: int
    deliver_gas: int = 0


class GasBill:
    """Notes what each transaction of a day's settler cost, as it becomes final."""

    def __init__(self) -> None:
        self._batches: dict[int, _Batch] = {}

    def note(self, entry: OutboxEntry, receipt: Receipt) -> None:
        """Take down what became of a transaction; one that was reverted settled nothing."""
        if entry.kind == "settle" and receipt.succeeded:
            self._batches[batch_of(entry)] = _Batch(entry.trades, receipt.gas_used)
        elif entry.kind == "deliver" and receipt.succeeded:
            self._batches[batch_of(entry)].deliver_gas += receipt.gas_used

    def rows(self, trades: Iterable[Trade], *, first_hour: int) -> Iterator[SettlementRow]:
        """Yield the bill of each batch, with how many of the day's trades it locked and skipped."""
        by_number = {trade.agreed.trade_number: trade for trade in trades}
        for number, batch in self._batches.items():
            asked = [by_number[each] for each in batch.trade_numbers]
            skipped = sum(trade.state is TradeState.VOID for trade in asked)
            start_hour = from_id(asked[0].agreed.instrument_id).start_hour
            yield SettlementRow(
                batch_number=number,
                hour=start_hour - first_hour,
                locked=len(asked) - skipped,
                skipped=skipped,
                settle_gas=batch.settle_gas,
                deliver_gas=batch.deliver_gas,
            )
