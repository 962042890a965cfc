"""The trial balance: what all accounts of each kind hold, and that every asset sums to zero."""

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.accounts import AccountKind, Balances
from ledger.assets import TOKEN, Asset
from market.units import Micros


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """The sums of the token's accounts by kind, in micros, and of all accounts by asset, in its unit.

    Each sum by asset is 0, or the books are wrong.
    """

    by_kind: Mapping[AccountKind, Micros]
    by_asset: Mapping[Asset, int]

    @classmethod
    def of(cls, balances: Balances) -> "TrialBalance":
        """Add up all accounts."""
        return cls(balances.by_kind(), balances.by_asset())

    @property
    def total_micros(self) -> Micros:
        """The sum over all accounts of the token."""
        return Micros(self.by_asset[TOKEN])

    @property
    def unbalanced(self) -> Mapping[Asset, int]:
        """The assets whose accounts do not sum to zero, and to what they do."""
        return {asset: total for asset, total in self.by_asset.items() if total != 0}
