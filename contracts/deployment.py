"""Put the contracts on a chain, or find them there again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import count
from typing import Any, Final

from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from contracts.abi import artifact
from contracts.certificate import Certificate
from contracts.chain import Chain, ChainUnavailable, Reverted, Transaction
from contracts.guarantee import Guarantee, Rules
from contracts.long_term import LongTerm
from contracts.pay_as_you_go import PayAsYouGo
from contracts.settlement import Settlement
from contracts.signing import Domain
from contracts.standby import Standby
from contracts.tokens import SettlementToken
from market.orders import Address
from market.units import InvariantBroken, Ppm

DELIVERY_WINDOW_S = 48 * 3600
"""The seconds after a call of standby capacity within which its hour begins."""

STORAGE_EFFICIENCY = Ppm(850_000)
"""The share of what goes into a storage that is certified when it comes out: a lithium-ion battery's round trip."""


_MODULES: Final = ("Guarantee", "PayAsYouGo")
"""In the sequence in which they are created, right before the settlement."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The contracts of one market. Periods in seconds; `block_number` is where to start looking for its events."""

    token: SettlementToken
    settlement: Settlement
    guarantee: Guarantee
    standby: Standby
    long_term: LongTerm
    pay_as_you_go: PayAsYouGo
    operator: Address
    fee_recipient: Address
    notice_period_s: int
    reading_window_s: int
    rules: Rules
    block_number: int

    @property
    def challenge_window_s(self) -> int:
        """How long a guarantee takes late readings and claims, in seconds."""
        return self.rules.challenge_window_s

    @property
    def domain(self) -> Domain:
        """Where signatures for this market count."""
        return self.settlement.domain


@dataclass(frozen=True, slots=True)
class Charter:
    """What a market is founded on and nobody can change afterwards. Periods in seconds.

    Without a `token`, test money is deployed, which the operator mints.
    """

    operator: Address
    guardian: Address
    fee_recipient: Address
    notice_period_s: int
    reading_window_s: int
    rules: Rules
    delivery_window_s: int
    token: Address | None = None


Places = Mapping[str, Address]
"""Where each contract of a plan will stand, by name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A contract that belongs to a market: at most how much gas it takes, and what its constructor is given."""

    name: str
    gas: int
    arguments: Callable[[Charter, Places], tuple[Any, ...]] = lambda _charter, _places: ()


@dataclass(frozen=True, slots=True)
class Step:
    """The transaction that creates one contract: by its nonce it is known beforehand where."""

    name: str
    arguments: tuple[Any, ...]
    libraries: Places
    gas: int
    nonce: int
    address: Address

    @property
    def creation(self) -> bytes:
        """The transaction's data: the linked code, then the constructor's arguments."""
        return artifact(self.name).creation(*self.arguments, libraries=self.libraries)

    @property
    def transaction(self) -> Transaction:
        """The transaction, unsigned."""
        return Transaction(None, self.creation, self.gas)


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """All contracts of a market in the sequence in which they are created, one transaction each.

    Modules and settlement know each other for good, and the settlement refuses modules that belong to another. So
    their addresses are foretold, from the operator's next nonce on; no other transaction of its may come between.
    """

    charter: Charter
    steps: tuple[Step, ...]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def step(self, name: str) -> Step:
        """Return the step that creates a contract."""
        return next(each for each in self.steps if each.name == name)


LIBRARIES: Final = (
    Entry("Bundles", 3_000_000),
    Entry("Deliveries", 2_000_000),
    Entry("LongTermRules", 3_000_000),
)
"""Linked into the contracts that name them, so they come first."""

MODULES: Final = (
    Entry("Guarantee", 6_000_000, lambda charter, at: (at["Settlement"], at["Standby"], _rulebook(charter))),
    Entry("Standby", 6_000_000, lambda charter, at: (at["Settlement"], charter.delivery_window_s)),
    Entry("LongTerm", 6_000_000, lambda _, at: (at["Settlement"],)),
    Entry("PayAsYouGo", 6_000_000, lambda _, at: (at["Settlement"],)),
)
"""Whom the settlement lets lock and share out money, in the order in which it names them, the guarantee first."""

_TOKEN: Final = Entry("SettlementToken", 1_500_000, lambda charter, _: (charter.operator,))
_SETTLEMENT: Final = Entry("Settlement", 8_000_000, lambda charter, at: (_setup(charter, at),))
_CERTIFICATE: Final = Entry("Certificate", 4_000_000, lambda _, at: (at["Settlement"], STORAGE_EFFICIENCY))


def plan_deployment(charter: Charter, *, first_nonce: int, certificate: bool = False) -> DeploymentPlan:
    """Plan a market's contracts, the first of them with the operator's nonce `first_nonce`.

    `certificate` says whether certificates come with it: who wants them can deploy them at any time.
    """
    # The guarantee last of the modules: while it is created it asks the standby options whose they are.
    entries = (
        *(() if charter.token else (_TOKEN,)),
        *LIBRARIES,
        *reversed(MODULES),  # the guarantee asks its standby contract whose that is
        _SETTLEMENT,
        *((_CERTIFICATE,) if certificate else ()),
    )
    nonces = dict(zip((entry.name for entry in entries), count(first_nonce), strict=False))
    at = {name: created_address(charter.operator, nonce) for name, nonce in nonces.items()}
    if charter.token:
        at[_TOKEN.name] = charter.token
    return DeploymentPlan(charter, tuple(_step(entry, charter, nonces[entry.name], at) for entry in entries))


def _step(entry: Entry, charter: Charter, nonce: int, at: Places) -> Step:
    libraries = {name: at[name] for name in artifact(entry.name).links}
    return Step(
        entry.name,
        entry.arguments(charter, at),
        libraries,
        entry.gas,
        nonce,
        created_address(charter.operator, nonce),
    )


def _rulebook(charter: Charter) -> tuple[Any, ...]:
    arbiter, *bounds = astuple(charter.rules)
    return (arbiter or charter.operator, *bounds)


def _setup(charter: Charter, at: Places) -> tuple[Any, ...]:
    return (
        at[_TOKEN.name],
        charter.operator,
        charter.guardian,
        charter.fee_recipient,
        charter.notice_period_s,
        charter.reading_window_s,
        [at[module.name] for module in MODULES],
    )


def deploy(
    chain: Chain,
    *,
    notice_period_s: int,
    reading_window_s: int,
    rules: Rules,
    delivery_window_s: int = DELIVERY_WINDOW_S,
    fee_recipient: Address | None = None,
    guardian: Address | None = None,
) -> Deployment:
    """Deploy a test token, owned by the operator, and the settlement with its modules.

    The operator earns the fees unless a `fee_recipient` is named, and is its own guardian unless there is another, and
    the arbiter of the guarantees unless `rules` name one.

    Raises:
        Reverted: if the chain refuses a contract.
    """
    operator = chain.operator.address
    charter = Charter(
        operator=operator,
        guardian=guardian or operator,
        fee_recipient=fee_recipient or operator,
        notice_period_s=notice_period_s,
        reading_window_s=reading_window_s,
        rules=rules,
        delivery_window_s=delivery_window_s,
    )
    block_number = chain.block_number()
    plan = plan_deployment(charter, first_nonce=chain.nonce(operator))
    for step in plan:
        _created(chain, step.transaction, expected=step.address)
    return attach(chain, plan.step("Settlement").address, block_number=block_number)


def created_address(creator: Address, nonce: int) -> Address:
    """Return where a creator's transaction with this nonce puts a contract."""
    import rlp

    return Address(bytes(keccak(rlp.encode([creator, nonce]))[12:]))


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
        separator, token, modules, operator, fee_recipient, notice_s, reading_s = (
            _constant(chain, "Settlement", settlement, name)
            for name in (
                "domainSeparator",
                "token",
                "modules",
                "operator",
                "feeRecipient",
                "noticePeriod",
                "readingWindow",
            )
        )
        guarantee, standby, long_term, pay_as_you_go = _modules(settlement, modules)
        rules = Guarantee(guarantee).rules_of(chain)
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
        standby=Standby(standby, chain.chain_id),
        long_term=LongTerm(long_term, chain.chain_id),
        pay_as_you_go=PayAsYouGo(pay_as_you_go, chain.chain_id),
        operator=operator,
        fee_recipient=fee_recipient,
        notice_period_s=notice_s,
        reading_window_s=reading_s,
        rules=rules,
        block_number=block_number,
    )


def _modules(settlement: Address, found: Sequence[Any]) -> Sequence[Address]:
    """Return the modules that a settlement names, which are those of `MODULES` in their order."""
    if len(found) != len(MODULES):
        raise ChainUnavailable(f"0x{settlement.hex()}: found {len(found)} modules, expected {len(MODULES)}")
    return [Address(module) for module in found]


def deploy_certificate(
    chain: Chain, settlement: Settlement, *, storage_efficiency: Ppm = STORAGE_EFFICIENCY
) -> Certificate:
    """Deploy certificates beside a settlement, whose meters and trades they will count by. Anybody may.

    Raises:
        Reverted: if the chain refuses the contract.
    """
    creation = artifact("Certificate").creation(settlement.address, storage_efficiency)
    return Certificate(_created(chain, Transaction(None, creation, _CERTIFICATE.gas)))


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


def _created(chain: Chain, transaction: Transaction, *, expected: Address | None = None) -> Address:
    receipt = chain.send(chain.operator, transaction)
    if receipt.created is None:
        raise InvariantBroken(f"{chain.name}: a contract was created, but the receipt does not say where")
    if expected is not None and receipt.created != expected:
        raise InvariantBroken(
            f"{chain.name}: found the contract at 0x{receipt.created.hex()}, expected 0x{expected.hex()}: "
            "another transaction of the operator came between"
        )
    return receipt.created


def _constant(chain: Chain, contract: str, address: Address, name: str, *arguments: Any) -> Any:
    abi = artifact(contract).functions[name]
    (answer,) = abi.decode_output(chain.call(address, abi.encode(*arguments)))
    return answer
