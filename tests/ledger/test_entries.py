import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.accounts import CUSTODY, Account, AccountKind, Balances
from ledger.entries import Entry, Posting
from market.units import InvariantBroken
from tests.ledger.builders import ALICE, BOB

FREE_OF_ALICE = Account(AccountKind.FREE, ALICE)
FREE_OF_BOB = Account(AccountKind.FREE, BOB)


def test_a_posting_that_does_not_sum_to_zero_cannot_exist() -> None:
    with pytest.raises(InvariantBroken, match="sum to -1 micros"):
        Posting(3, 7, (Entry(FREE_OF_ALICE, -10), Entry(FREE_OF_BOB, 9)))


def test_a_posting_without_entries_cannot_exist() -> None:
    with pytest.raises(InvariantBroken, match="batch 3, event 7"):
        Posting(3, 7, ())


@given(st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=6))
def test_exactly_the_postings_that_sum_to_zero_exist(amounts: list[int]) -> None:
    entries = tuple(Entry(FREE_OF_ALICE, amount) for amount in amounts)
    Posting(1, 0, (*entries, Entry(CUSTODY, -sum(amounts))))
    with pytest.raises(InvariantBroken):
        Posting(1, 0, (*entries, Entry(CUSTODY, 1 - sum(amounts))))


def test_no_account_but_custody_goes_below_zero() -> None:
    balances = Balances()
    balances.apply([Entry(CUSTODY, -5), Entry(FREE_OF_ALICE, 5)])
    with pytest.raises(InvariantBroken, match=r"FREE of 0xa1a1.*found -1 micros, expected at least 0"):
        balances.apply([Entry(FREE_OF_ALICE, -6), Entry(FREE_OF_BOB, 6)])


def test_custody_never_goes_above_zero() -> None:
    with pytest.raises(InvariantBroken, match="CUSTODY of the venue: found 1 micros, expected at most 0"):
        Balances().apply([Entry(CUSTODY, 1)])


def test_only_the_end_of_a_posting_counts_not_the_way_there() -> None:
    balances = Balances()
    balances.apply([Entry(FREE_OF_ALICE, -5), Entry(FREE_OF_ALICE, 5)])
    assert list(balances.items()) == []
