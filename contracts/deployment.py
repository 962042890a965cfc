"""Put the contracts on a chain, or find them there again."""

from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from contracts.abi import artifact
from contracts.certificate import Certificate
from contracts.chain import Chain, ChainUnavailable, Reverted, Transaction
from contracts.guarantee import Guarantee
from contracts.settlement import Settlement
from contracts.signing import Domain
from contracts.tokens import SettlementToken
from market.orders import Address
from market.units import InvariantBroken, Ppm

_GAS_TOKEN = 1_500_000
_GAS_LIBRARY = 3_000_000
_GAS_MODULE = 6_000_000
_GAS_SETTLEMENT = 8_000_000
_GAS_CERTIFICATE = 4_000_000

STORAGE_EFFICIENCY = Ppm(850_000)
"""The share of what goes into a storage that is certified when it comes out: a lithium-ion battery's round trip."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The contracts of one market. Periods in seconds; `block_number` is where to start looking for its events."""

    token: SettlementToken
    settlement: Settlement
    guarantee: Guarantee
    operator: Address
    fee_recipient: Address
    notice_period_s: int
    reading_window_s: int
    challenge_window_s: int
    block_number: int

    @property
    def domain(self) -> Domain:
        """Where signatures for this market count."""
        return self.settlement.domain


def deploy(
    chain: Chain,
    *,
    notice_period_s: int,
    reading_window_s: int,
    challenge_window_s: int,
    fee_recipient: Address | None = None,
    guardian: Address | None = None,
) -> Deployment:
    """Deploy a test token, owned by the operator, and the settlement with its modules.

    The operator earns the fees unless a `fee_recipient` is named, and is its own guardian unless there is another.

    Raises:
        Reverted: if the chain refuses a contract.
    """
    operator = chain.operator.address
    creation = artifact("SettlementToken").creation(operator)
    token = _created(chain, Transaction(None, creation, _GAS_TOKEN))
    libraries = {
        name: _created(chain, Transaction(None, artifact(name).creation(), _GAS_LIBRARY))
        for name in ("Bundles", "Deliveries")
    }
    block_number = chain.block_number()

    # Modules and settlement know each other for good: the settlement's address is foretold to its modules, and it
    # refuses modules that belong to another.
    settlement = created_address(operator, chain.nonce(operator) + 1)
    creation = artifact("Guarantee").creation(settlement, challenge_window_s)
    guarantee = _created(chain, Transaction(None, creation, _GAS_MODULE))
    setup = (
        token,
        operator,
        guardian or operator,
        fee_recipient or operator,
        notice_period_s,
        reading_window_s,
        [guarantee],
    )
    creation = artifact("Settlement").creation(setup, libraries=libraries)
    created = _created(chain, Transaction(None, creation, _GAS_SETTLEMENT))
    return attach(chain, created, block_number=block_number)


def created_address(creator: Address, nonce: int) -> Address:
    """Return where a creator's transaction with this nonce puts a contract."""
    from web3.types import Nonce
    from web3.utils import get_create_address

    return Address(bytes.fromhex(get_create_address(to_checksum_address(creator), Nonce(nonce))[2:]))


def attach(chain: Chain, settlement: Address, *, block_number: int = 0) -> Deployment:
    """Find a market's contracts from the address of its settlement, and prove that they are what they should be.

    Raises:
        ChainUnavailable: if there is no contract at the address, or another one than ours.
    """
    if not chain.code(settlement):
        raise ChainUnavailable(
            f"{chain.name}: found no contract at 0x{settlement.hex()}, expected the settlement"
        )
    twin = Settlement(settlement, chain.chain_id)
    try:
        separator, token, guarantee, operator, fee_recipient, notice_s, reading_s = (
            _constant(chain, "Settlement", settlement, name)
            for name in (
                "domainSeparator",
                "token",
                "guarantee",
                "operator",
                "feeRecipient",
                "noticePeriod",
                "readingWindow",
            )
        )
        challenge_s = _constant(chain, "Guarantee", guarantee, "challengeWindow")
    except (Reverted, DecodingError) as error:
        raise ChainUnavailable(f"0x{settlement.hex()} does not answer as a settlement: {error}") from error
    if separator != twin.domain.separator:
        raise ChainUnavailable(
            f"0x{settlement.hex()}: found domain 0x{separator.hex()}, expected 0x{twin.domain.separator.hex()}"
        )
    return Deployment(
        token=SettlementToken(token, chain.chain_id),
        settlement=twin,
        guarantee=Guarantee(guarantee),
        operator=operator,
        fee_recipient=fee_recipient,
        notice_period_s=notice_s,
        reading_window_s=reading_s,
        challenge_window_s=challenge_s,
        block_number=block_number,
    )


def deploy_certificate(
    chain: Chain, settlement: Settlement, *, storage_efficiency: Ppm = STORAGE_EFFICIENCY
) -> Certificate:
    """Deploy certificates beside a settlement, whose meters and trades they will count by. Anybody may.

    Raises:
        Reverted: if the chain refuses the contract.
    """
    creation = artifact("Certificate").creation(settlement.address, storage_efficiency)
    return Certificate(_created(chain, Transaction(None, creation, _GAS_CERTIFICATE)))


def attach_certificate(chain: Chain, certificate: Address, settlement: Settlement) -> Certificate:
    """Find the certificates again, and prove that they count by this settlement.

    Raises:
        ChainUnavailable: if there is no contract at the address, or another one than ours, or another market's.
    """
    if not chain.code(certificate):
        raise ChainUnavailable(
            f"{chain.name}: found no contract at 0x{certificate.hex()}, expected the certificates"
        )
    try:
        counted = _constant(chain, "Certificate", certificate, "settlement")
    except (Reverted, DecodingError) as error:
        raise ChainUnavailable(f"0x{certificate.hex()} does not answer as certificates: {error}") from error
    if counted != settlement.address:
        raise ChainUnavailable(
            f"0x{certificate.hex()}: counts by 0x{counted.hex()}, expected 0x{settlement.address.hex()}"
        )
    return Certificate(certificate)


def _created(chain: Chain, transaction: Transaction) -> Address:
    receipt = chain.send(chain.operator, transaction)
    if receipt.created is None:
        raise InvariantBroken(f"{chain.name}: a contract was created, but the receipt does not say where")
    return receipt.created


def _constant(chain: Chain, contract: str, address: Address, name: str) -> Any:
    abi = artifact(contract).functions[name]
    (answer,) = abi.decode_output(chain.call(address, abi.encode()))
    return answer
