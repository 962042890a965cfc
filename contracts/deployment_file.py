"""The file that says what was deployed where: written before each transaction, so that a crash loses nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from contracts.deployment import Charter, DeploymentPlan, Step, plan_deployment
from market.orders import Address
from market.units import Malformed

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Created:
    """A step that is done: the hash of its transaction, its block, its gas. `digest` is the artifact's."""

    transaction: bytes
    block_number: int
    gas_used: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class DeploymentFile:
    """How far a plan has been carried out. `sent` has the signed bytes of a transaction that is not in a block yet."""

    chain_id: int
    charter: Charter
    first_nonce: int
    first_block: int
    certificate: bool
    created: Mapping[str, Created] = field(default_factory=dict)
    sent: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def plan(self) -> DeploymentPlan:
        """What was, or is being, carried out."""
        return plan_deployment(self.charter, first_nonce=self.first_nonce, certificate=self.certificate)

    @property
    def settlement(self) -> Address:
        """Where the settlement stands, or will."""
        return self.plan.step("Settlement").address

    @property
    def complete(self) -> bool:
        """Whether every contract was created."""
        return all(step.name in self.created for step in self.plan)

    def with_sent(self, step: Step, raw: bytes) -> "DeploymentFile":
        """Return the file with a step's signed bytes, which are about to be broadcast."""
        return replace(self, sent={**self.sent, step.name: raw})

    def with_created(self, step: Step, created: Created) -> "DeploymentFile":
        """Return the file with a step done."""
        sent = {name: raw for name, raw in self.sent.items() if name != step.name}
        return replace(self, created={**self.created, step.name: created}, sent=sent)

    def to_json(self) -> str:
        """Return the text of the file. Addresses and hashes are hex; nothing in it is secret."""
        return json.dumps(
            {
                "format": FORMAT,
                "complete": self.complete,
                "chain_id": self.chain_id,
                "settlement": _plain(self.settlement),
                "first_block": self.first_block,
                "first_nonce": self.first_nonce,
                "certificate": self.certificate,
                "charter": _plain(self.charter),
                "contracts": [self._contract(step) for step in self.plan],
            },
            indent=2,
        )

    def _contract(self, step: Step) -> dict[str, Any]:
        told: dict[str, Any] = {
            "name": step.name,
            "address": _plain(step.address),
            "arguments": _plain(step.arguments),
            "libraries": _plain(step.libraries),
        }
        if done := self.created.get(step.name):
            told |= {
                "transaction": _plain(done.transaction),
                "block": done.block_number,
                "gas_used": done.gas_used,
                "artifact_sha256": done.digest.hex(),
            }
        elif raw := self.sent.get(step.name):
            told["sent"] = _plain(raw)
        return told


def read_deployment(text: str) -> DeploymentFile:
    """Read a file back.

    Raises:
        Malformed: if it is not what `to_json` writes, or its addresses are not those of its plan.
    """
    try:
        told = json.loads(text)
        if told["format"] != FORMAT:
            raise Malformed(f"format: found {told['format']!r}, expected {FORMAT}")
        contracts = {each["name"]: each for each in told["contracts"]}
        file = DeploymentFile(
            chain_id=_typed(int, told["chain_id"]),
            charter=_typed(Charter, told["charter"]),
            first_nonce=_typed(int, told["first_nonce"]),
            first_block=_typed(int, told["first_block"]),
            certificate=_typed(bool, told["certificate"]),
            created={name: _created(each) for name, each in contracts.items() if "transaction" in each},
            sent={name: _typed(bytes, each["sent"]) for name, each in contracts.items() if "sent" in each},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"found no deployment file ({type(error).__name__}: {error})") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"line {error.lineno}: found no JSON ({error.msg})") from None
    expected = {step.name: _plain(step.address) for step in file.plan}
    if {name: each.get("address") for name, each in contracts.items()} != expected:
        raise Malformed("found contracts or addresses that do not follow from charter and first_nonce")
    return file


def _created(told: Mapping[str, Any]) -> Created:
    return Created(
        transaction=_typed(bytes, told["transaction"]),
        block_number=_typed(int, told["block"]),
        gas_used=_typed(int, told["gas_used"]),
        digest=bytes.fromhex(told["artifact_sha256"]),
    )


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: bytes in hex, records by field."""
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return value


def _typed(kind: Any, value: Any) -> Any:
    """Return what `_plain` made of a value of this type."""
    if get_origin(kind) in (Union, UnionType):
        if value is None:
            return None
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    kind = getattr(kind, "__supertype__", kind)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        if set(value) != set(hints):
            raise Malformed(f"{kind.__name__}: found {sorted(value)}, expected {sorted(hints)}")
        return kind(**{name: _typed(hint, value[name]) for name, hint in hints.items()})
    if kind is bytes:
        if not value.startswith("0x"):
            raise Malformed(f"found {value!r}, expected 0x and hex digits")
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            raise Malformed(f"found {value!r}, expected 0x and hex digits") from None
    if type(value) is not kind:
        raise Malformed(f"found {value!r}, expected {kind.__name__}")
    return value
