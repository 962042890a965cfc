"""Look at a token before a settlement is bound to it for good: is it on the list, and does it behave.

The node simulates a transfer from an address to which the simulation lends tokens. To lend them, the place of a balance
in the token's storage must be found: every usual place of the address's balance is filled with a number of its own, and
`balanceOf` then says which of them it reads.
"""

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak
from eth_utils.address import is_checksum_address

from contracts.abi import artifact
from contracts.chain import Chain, RequestRefused, Reverted
from contracts.rehearsal import Undeployable, hex_of
from market.orders import Address
from market.units import Malformed

DECIMALS: Final = 6
"""The market counts micros, in the contracts, the books and on every page."""

_PROBE: Final = Address(bytes(keccak(b"CCEI Market: token probe's own address"))[12:])
_LENT: Final = 1_000_000_000
_SLOTS: Final = 300
_SOLADY_BALANCES: Final = 0x87A211A2
_OPENZEPPELIN_ERC20: Final = bytes(
    keccak((int.from_bytes(keccak(b"openzeppelin.storage.ERC20"), "big") - 1).to_bytes(32, "big"))
)


@dataclass(frozen=True, slots=True)
class ListedToken:
    """An entry of the reviewed list, `contracts/tokens.toml`."""

    chain_id: int
    name: str
    address: Address
    decimals: int
    note: str


@dataclass(frozen=True, slots=True)
class TokenReport:
    """What was seen of a token. `unchecked` says in a sentence what could not be looked at, and why."""

    address: Address
    name: str
    listed: ListedToken | None
    unchecked: tuple[str, ...]


def listed_tokens() -> tuple[ListedToken, ...]:
    """Return the reviewed list.

    Raises:
        Malformed: if an address is not written as EIP-55 has it, or names another number of decimals.
    """
    text = resources.files("contracts").joinpath("tokens.toml").read_text(encoding="utf-8")
    return tuple(_listed(each) for each in tomllib.loads(text)["token"])


def check_token(chain: Chain, token: Address) -> TokenReport:
    """Look at a token on a chain without sending anything.

    Raises:
        Undeployable: if it is no token, has other decimals, answers false, or moves another amount than it is told to.
    """
    if not chain.code(token):
        raise Undeployable(f"token 0x{token.hex()}: found no contract there, expected an ERC-20 token")
    decimals = _view(chain, token, "decimals")
    if decimals != DECIMALS:
        raise Undeployable(
            f"token 0x{token.hex()}: found {decimals} decimals, expected {DECIMALS}: the market counts in micros"
        )
    listed = next((t for t in listed_tokens() if (t.chain_id, t.address) == (chain.chain_id, token)), None)
    return TokenReport(token, _name(chain, token), listed, _moves_exactly(chain, token))


def _moves_exactly(chain: Chain, token: Address) -> tuple[str, ...]:
    """Require that transfers move what they say; return what could not be looked at."""
    try:
        place = _balance_place(chain, token)
        if place is None:
            return (
                "how it transfers: its balances stand in no usual place, so none could be lent to a simulation",
            )
        state = {hex_of(place): f"0x{_LENT:064x}"}
        overrides = {
            hex_of(_PROBE): {"code": hex_of(artifact("TokenProbe").runtime)},
            hex_of(token): {"stateDiff": state},
        }
        probe = artifact("TokenProbe").functions["probe"]
        answer = _call(chain, _PROBE, probe.encode(token, _LENT), overrides)
    except RequestRefused as error:
        return (f"how it transfers: {chain.name} simulates nothing in a state that is overridden ({error})",)
    for function, moved in zip(("transfer", "transferFrom"), probe.decode_output(answer), strict=True):
        _expect_moved(token, function, *moved)
    return ()


def _expect_moved(
    token: Address, function: str, succeeded: bool, accepted: bool, left: int, arrived: int
) -> None:
    told = f"token 0x{token.hex()}, {function}"
    if not succeeded:
        raise Undeployable(f"{told}: found a refusal, expected a transfer")
    if not accepted:
        raise Undeployable(f"{told}: found another answer than true, expected true or none")
    if (left, arrived) != (_LENT // 2, _LENT // 2):
        raise Undeployable(
            f"{told} of {_LENT // 2}: found {left} taken and {arrived} given, expected the same: a fee on transfer?"
        )


def _balance_place(chain: Chain, token: Address) -> bytes | None:
    """Find where the token keeps the probe's balance."""
    places = _usual_places(_PROBE)
    state = {hex_of(place): f"0x{_LENT + index:064x}" for index, place in enumerate(places)}
    question = artifact("SettlementToken").functions["balanceOf"].encode(_PROBE)
    answer = _call(chain, token, question, {hex_of(token): {"stateDiff": state}})
    index = int.from_bytes(answer[:32], "big") - _LENT
    return places[index] if 0 <= index < len(places) else None


def _usual_places(holder: Address) -> tuple[bytes, ...]:
    """Return where Solidity, Vyper, solady and OpenZeppelin keep a holder's balance."""
    padded = holder.rjust(32, b"\0")
    slots = [slot.to_bytes(32, "big") for slot in range(_SLOTS)] + [_OPENZEPPELIN_ERC20[:31] + b"\0"]
    solidity = [bytes(keccak(padded + slot)) for slot in slots]
    vyper = [bytes(keccak(slot + padded)) for slot in slots]
    solady = bytes(keccak(holder + _SOLADY_BALANCES.to_bytes(12, "big")))
    return (*solidity, *vyper, solady)


def _call(chain: Chain, to: Address, data: bytes, overrides: dict[str, Any]) -> bytes:
    request = {"from": hex_of(_PROBE), "to": hex_of(to), "data": hex_of(data)}
    return bytes.fromhex(chain.request("eth_call", request, "latest", overrides)[2:])


def _view(chain: Chain, token: Address, name: str) -> Any:
    abi = artifact("SettlementToken").functions[name]
    try:
        (answer,) = abi.decode_output(chain.call(token, abi.encode()))
    except (Reverted, DecodingError) as error:
        raise Undeployable(
            f"token 0x{token.hex()}: does not say its {name} ({error}), expected an ERC-20 token"
        ) from error
    return answer


def _name(chain: Chain, token: Address) -> str:
    try:
        return str(_view(chain, token, "symbol"))
    except Undeployable:
        return "unnamed"  # ERC-20 leaves names to the token


def _listed(told: dict[str, Any]) -> ListedToken:
    if not is_checksum_address(told["address"]) or told["decimals"] != DECIMALS:
        raise Malformed(f"tokens.toml: found {told}, expected an EIP-55 address and {DECIMALS} decimals")
    address = Address(bytes.fromhex(told["address"][2:]))
    return ListedToken(told["chain_id"], told["name"], address, told["decimals"], told["note"])
