import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.accounts import CUSTODY, Account, AccountKind, Balances
from ledger.assets import TOKEN, Asset, asset_name, parse_asset
from ledger.entries import Posting, move
from market.units import InvariantBroken, Malformed
from tests.ledger.builders import ALICE, BOB

FREE_OF_ALICE = Account(AccountKind.FREE, ALICE)
FREE_OF_BOB = Account(AccountKind.FREE, BOB)


def test_a_posting_that_does_not_sum_to_zero_cannot_exist() -> None:
    with pytest.raises(InvariantBroken, match="sum to -1 micros"):
        Posting(3, 7, ((FREE_OF_ALICE, -10), (FREE_OF_BOB, 9)))


def test_a_posting_without_entries_cannot_exist() -> None:
    with pytest.raises(InvariantBroken, match="batch 3, event 7: found no entries"):
        Posting(3, 7, ())


@given(st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=6))
def test_exactly_the_postings_that_sum_to_zero_exist(amounts: list[int]) -> None:
    entries = tuple((FREE_OF_ALICE, amount) for amount in amounts)
    Posting(1, 0, (*entries, (CUSTODY, -sum(amounts))))
    with pytest.raises(InvariantBroken):
        Posting(1, 0, (*entries, (CUSTODY, 1 - sum(amounts))))


def test_no_account_but_custody_goes_below_zero() -> None:
    balances = Balances()
    balances.apply([(CUSTODY, -5), (FREE_OF_ALICE, 5)])
    with pytest.raises(InvariantBroken, match=r"FREE of 0xa1a1.*found -1 micros, expected at least 0"):
        balances.apply([(FREE_OF_ALICE, -6), (FREE_OF_BOB, 6)])


def test_custody_never_goes_above_zero() -> None:
    with pytest.raises(InvariantBroken, match="CUSTODY of the venue: found 1 micros, expected at most 0"):
        Balances().apply([(CUSTODY, 1)])


def test_only_the_end_of_a_posting_counts_not_the_way_there() -> None:
    balances = Balances()
    balances.apply([(FREE_OF_ALICE, -5), (FREE_OF_ALICE, 5)])
    assert list(balances.items()) == []


def test_one_asset_cannot_pay_for_another() -> None:
    certificate = Asset(0xCE << 240)
    taken = (FREE_OF_ALICE, -10)
    with pytest.raises(InvariantBroken, match="sum to -10 micros"):
        Posting(3, 7, (taken, (FREE_OF_BOB._replace(asset=certificate), 10)))
    given = move(FREE_OF_ALICE._replace(asset=certificate), FREE_OF_BOB._replace(asset=certificate), 7)
    Posting(3, 7, (taken, (FREE_OF_BOB, 10), *given))
    with pytest.raises(InvariantBroken, match=r"sum to -7 Wh in certificates 0x00ce0000"):
        Posting(3, 7, (taken, (FREE_OF_BOB, 10), given[0]))


def test_a_balance_knows_its_asset() -> None:
    certificate = Asset(1)
    balances = Balances()
    balances.apply(move(CUSTODY._replace(asset=certificate), FREE_OF_BOB._replace(asset=certificate), 7))
    assert balances.of(AccountKind.FREE, BOB) == 0
    assert balances.on(FREE_OF_BOB._replace(asset=certificate)) == 7
    assert balances.by_kind()[AccountKind.FREE] == 0
    assert balances.by_asset() == {TOKEN: 0, certificate: 0}
    with pytest.raises(InvariantBroken, match="found -1 Wh, expected at least 0"):
        balances.apply(move(FREE_OF_BOB._replace(asset=certificate), CUSTODY._replace(asset=certificate), 8))


@pytest.mark.parametrize("name", ["", "Token", "0x" + "0" * 64, "0x1", f"0x{1:064x}0", "-0x" + "1" * 63])
def test_an_asset_is_named_in_one_way(name: str) -> None:
    with pytest.raises(Malformed, match="expected 'token' or 0x and 64"):
        parse_asset(name)
    for asset in (TOKEN, Asset(1), Asset((1 << 256) - 1)):
        assert parse_asset(asset_name(asset)) == asset
