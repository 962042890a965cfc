"""Twin of `SettlementToken.sol`: the test money that deposits are made in. Amounts are micros (six decimals)."""

from dataclasses import dataclass

from contracts.abi import artifact
from contracts.chain import Chain, Transaction
from contracts.signing import Domain, Signer, permit_digest
from contracts.views import view
from market.orders import Address
from market.units import Micros

_TOKEN_NAME = "CCEI test token"  # noqa: S105 - the ERC-20's name
_GAS = 120_000


@dataclass(frozen=True, slots=True)
class SettlementToken:
    """The token at an address."""

    address: Address
    chain_id: int

    def mint(self, holder: Address, amount_micros: Micros) -> Transaction:
        """Create tokens for a holder; only the token's owner may send it."""
        return self._transaction("mint", holder, amount_micros)

    def approve(self, spender: Address, amount_micros: Micros) -> Transaction:
        """Allow a spender to take this much from the sender."""
        return self._transaction("approve", spender, amount_micros)

    def balance_of(self, chain: Chain, holder: Address) -> Micros:
        """Return what an address holds."""
        return Micros(self._view(chain, "balanceOf", holder))

    def sign_permit(
        self, chain: Chain, owner: Signer, *, spender: Address, amount_micros: Micros, deadline_s: int
    ) -> bytes:
        """Sign an approval that anybody may bring to the chain until `deadline_s` (ERC-2612); return 65 bytes."""
        digest = permit_digest(
            owner=owner.address,
            spender=spender,
            value=amount_micros,
            nonce=self._view(chain, "nonces", owner.address),
            deadline_s=deadline_s,
            domain=Domain(self.chain_id, self.address, _TOKEN_NAME),
        )
        return owner.sign(digest)

    def _transaction(self, function: str, *arguments: object) -> Transaction:
        data = artifact("SettlementToken").functions[function].encode(*arguments)
        return Transaction(self.address, data, _GAS)

    def _view(self, chain: Chain, function: str, *arguments: object) -> int:
        (answer,) = view(chain, self.address, artifact("SettlementToken").functions[function], *arguments)
        return int(answer)
