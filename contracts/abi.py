"""Read the built artifacts, and encode and decode what the contracts take, return, emit and refuse with.

Addresses are 20 bytes here, as everywhere in the market; hex strings stay at the door.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any, Final, Protocol

from eth_abi.codec import ABICodec
from eth_abi.decoding import AddressDecoder
from eth_abi.encoding import AddressEncoder
from eth_abi.exceptions import DecodingError
from eth_abi.registry import BaseEquals, registry
from eth_hash.auto import keccak

from market.units import Malformed

CONTRACTS: Final = (
    "SettlementToken",
    "Settlement",
    "Guarantee",
    "Standby",
    "LongTerm",
    "PayAsYouGo",
    "Certificate",
)


class _PlainAddressDecoder(AddressDecoder):
    decoder_fn = staticmethod(bytes)  # type: ignore[assignment]  # bytes instead of text, on purpose


def _codec() -> ABICodec:
    own = registry.copy()  # type: ignore[no-untyped-call]  # eth-abi has no types here
    own.unregister("address")
    is_address = BaseEquals("address")  # type: ignore[no-untyped-call]  # nor here
    own.register(is_address, AddressEncoder, _PlainAddressDecoder, label="address")
    return ABICodec(own)


_CODEC = _codec()


class Emitted(Protocol):
    """What a log must have to be decoded."""

    @property
    def topics(self) -> tuple[bytes, ...]:
        """The event's topic, and its indexed fields."""

    @property
    def data(self) -> bytes:
        """The other fields, encoded."""


@dataclass(frozen=True)
class Function:
    """A contract function."""

    name: str
    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def encode(self, *arguments: Any) -> bytes:
        """Return the calldata."""
        return self.selector + _CODEC.encode(self.inputs, arguments)

    def decode_input(self, data: bytes) -> tuple[Any, ...]:
        """Return the arguments of a call, given its calldata."""
        return tuple(_CODEC.decode(self.inputs, data[len(self.selector) :]))

    def decode_output(self, data: bytes) -> tuple[Any, ...]:
        """Return what a call returned."""
        return tuple(_CODEC.decode(self.outputs, data))


@dataclass(frozen=True)
class Event:
    """A contract event. All indexed fields of these contracts are one word long, so each reads back from its topic."""

    name: str
    topic: bytes
    indexed: tuple[tuple[str, str], ...]
    plain: tuple[tuple[str, str], ...]

    def decode(self, log: Emitted) -> dict[str, Any]:
        """Return the fields by name."""
        topics = (
            _CODEC.decode([kind], topic)[0]
            for (_, kind), topic in zip(self.indexed, log.topics[1:], strict=True)
        )
        values = _CODEC.decode([kind for _, kind in self.plain], log.data)
        names = [name for name, _ in self.indexed + self.plain]
        return dict(zip(names, (*topics, *values), strict=True))


@dataclass(frozen=True)
class Artifact:
    """A compiled contract: its `bytecode` creates it, its `runtime` code is what stands on the chain afterwards.

    In the runtime code as compiled, the places of linked libraries and of immutables are zero. `digest` is the SHA-256 of
    the artifact's file.
    """

    name: str
    digest: bytes
    bytecode: bytes
    links: Mapping[str, tuple[int, ...]]
    runtime: bytes
    runtime_links: Mapping[str, tuple[int, ...]]
    immutables: Mapping[str, tuple[int, ...]]
    constructor: tuple[str, ...]
    functions: Mapping[str, Function]
    events: Mapping[str, Event]
    errors: Mapping[bytes, tuple[str, tuple[tuple[str, str], ...]]]

    def creation(self, *arguments: Any, libraries: Mapping[str, bytes] | None = None) -> bytes:
        """Return the data of the transaction that creates the contract, linked to the `libraries` that it names."""
        code = bytearray(self.bytecode)
        for library, places in self.links.items():
            for place in places:
                code[place : place + 20] = (libraries or {})[library]
        return bytes(code) + _CODEC.encode(self.constructor, arguments)


@cache
def artifact(name: str) -> Artifact:
    """Return a built contract by name, one of `CONTRACTS`."""
    text = resources.files("contracts").joinpath("artifacts", f"{name}.json").read_text(encoding="utf-8")
    built = json.loads(text)
    constructor: tuple[str, ...] = ()
    functions, events, errors = {}, {}, {}
    for entry in built["abi"]:
        fields = tuple((field["name"], _type_of(field)) for field in entry.get("inputs", ()))
        kinds = tuple(kind for _, kind in fields)
        fingerprint = bytes(keccak(f"{entry.get('name')}({','.join(kinds)})".encode("ascii")))
        match entry["type"]:
            case "constructor":
                constructor = kinds
            case "function":
                outputs = tuple(_type_of(field) for field in entry["outputs"])
                functions[entry["name"]] = Function(entry["name"], fingerprint[:4], kinds, outputs)
            case "event":
                marks = [field["indexed"] for field in entry["inputs"]]
                indexed = tuple(f for f, mark in zip(fields, marks, strict=True) if mark)
                plain = tuple(f for f, mark in zip(fields, marks, strict=True) if not mark)
                events[entry["name"]] = Event(entry["name"], fingerprint, indexed, plain)
            case "error":
                errors[fingerprint[:4]] = (entry["name"], fields)
    code = bytes.fromhex(built["bytecode"][2:])
    links, runtime_links, immutables = (
        {key: tuple(places) for key, places in built[part].items()}
        for part in ("links", "deployedLinks", "immutables")
    )
    return Artifact(
        name=name,
        digest=sha256(text.encode("utf-8")).digest(),
        bytecode=code,
        links=links,
        runtime=bytes.fromhex(built["deployedBytecode"][2:]),
        runtime_links=runtime_links,
        immutables=immutables,
        constructor=constructor,
        functions=functions,
        events=events,
        errors=errors,
    )


def encode_struct(kinds: Sequence[str], values: Sequence[Any]) -> bytes:
    """Return `abi.encode` of values of these ABI types.

    >>> encode_struct(["uint8"], [7]).hex()[-4:]
    '0007'
    """
    return bytes(_CODEC.encode(kinds, values))


def decode_struct(kinds: Sequence[str], encoded: bytes) -> tuple[Any, ...]:
    """Read values of these ABI types back.

    Raises:
        Malformed: if the bytes are not exactly what `encode_struct` writes.
    """
    try:
        values = tuple(_CODEC.decode(kinds, encoded))
    except DecodingError as error:
        raise Malformed(f"encoded {', '.join(kinds)}: {error}") from None
    if _CODEC.encode(kinds, values) != encoded:
        raise Malformed(f"encoded {', '.join(kinds)}: found bytes that read back otherwise")
    return values


def explain_revert(data: bytes) -> str:
    """Put what a contract returned on refusing into words: the name of its error and the fields.

    >>> explain_revert(b"")
    'reverted without saying why'
    >>> explain_revert(bytes.fromhex("08c379a0"))
    'reverted with 0x08c379a0'
    """
    if not data:
        return "reverted without saying why"
    try:
        said = _error_in(data)
    except (DecodingError, UnicodeDecodeError):  # an error that we know by name, and then something else
        said = None
    return said if said is not None else f"reverted with 0x{data.hex()}"


def _error_in(data: bytes) -> str | None:
    """Return the error of a contract of ours, or the words of any other; None if there is neither."""
    for name in CONTRACTS:
        if found := artifact(name).errors.get(data[:4]):
            error, fields = found
            values = _CODEC.decode([kind for _, kind in fields], data[4:])
            told = (f"{field}={_readable(value)}" for (field, _), value in zip(fields, values, strict=True))
            return f"{error}({', '.join(told)})"
    if data[:4] == bytes(keccak(b"Error(string)"))[:4]:
        return str(_CODEC.decode(["string"], data[4:])[0])
    return None


def _type_of(field: Mapping[str, Any]) -> str:
    kind: str = field["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(_type_of, field['components']))}){kind.removeprefix('tuple')}"


def _readable(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
