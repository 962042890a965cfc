"""Books that lose money are found by the trial balance: no posting is unbalanced, so only the booking itself can do it."""

from collections.abc import Iterable

import pytest

from ledger.accounts import AccountKind, Balances
from ledger.audit import audit
from ledger.entries import Entry
from ledger.record import RecordReader
from tests.ledger.days import a_whole_day
from tests.ledger.recorded import recorded


def test_a_booking_that_forgets_the_fees_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = recorded(a_whole_day())
    whole = Balances.apply

    def without_fees(balances: Balances, entries: Iterable[Entry]) -> None:
        whole(
            balances,
            [(account, amount) for account, amount in entries if account.kind is not AccountKind.FEES],
        )

    monkeypatch.setattr(Balances, "apply", without_fees)
    report = audit(RecordReader(engine))
    found = [(each.where, each.detail) for each in report.findings if each.check == "trial balance"]
    fees = report.trial_balance.total_micros
    assert fees < 0
    assert found == [("all accounts of token", f"found {fees} micros, expected 0")]
    engine.dispose()
