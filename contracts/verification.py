"""Compare what stands on a chain with what the sources compile to: runtime code, links, immutables, creation."""

from dataclasses import dataclass
from typing import Final

from contracts.abi import artifact
from contracts.chain import Chain
from contracts.deployment import Step
from contracts.signing import Domain, type_hash

WORD: Final = 32
_ADDRESS: Final = 20


@dataclass(frozen=True, slots=True)
class CodeCheck:
    """What was found at a contract's address. `faults` are empty if it is the contract of the artifact.

    `immutables` are the words that its constructor wrote into the code, by name.
    """

    step: Step
    immutables: dict[str, bytes]
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was found to differ."""
        return not self.faults


def check_code(chain: Chain, step: Step) -> CodeCheck:
    """Compare the code at a step's address with its artifact, byte by byte, links and immutables included."""
    built, code = artifact(step.name), chain.code(step.address)
    if not code:
        return CodeCheck(step, {}, (f"found no contract at 0x{step.address.hex()}",))
    if len(code) != len(built.runtime):
        return CodeCheck(step, {}, (f"found {len(code):,} bytes of code, expected {len(built.runtime):,}",))
    faults = []
    bare = bytearray(code)
    for library, places in built.runtime_links.items():
        for place in places:
            if code[place : place + _ADDRESS] != step.libraries[library]:
                faults.append(f"is linked to another {library}, at byte {place}")
            bare[place : place + _ADDRESS] = bytes(_ADDRESS)
    immutables = {}
    for name, places in built.immutables.items():
        words = {code[place : place + WORD] for place in places}
        immutables[name] = min(words)
        if len(words) > 1:
            faults.append(f"{name}: found {len(words)} values in the code, expected one")
        for place in places:
            bare[place : place + WORD] = bytes(WORD)
    if bytes(bare) != built.runtime:
        first = next(
            i for i, (one, other) in enumerate(zip(bare, built.runtime, strict=True)) if one != other
        )
        faults.append(f"the code differs from the artifact's from byte {first:,} on")
    for name, expected in _expected_immutables(chain, step).items():
        found = immutables.get(name, expected)
        if found != expected:
            faults.append(f"{name}: found 0x{found.hex()}, expected 0x{expected.hex()}")
    return CodeCheck(step, immutables, tuple(faults))


def check_creation(chain: Chain, step: Step, transaction: bytes) -> tuple[str, ...]:
    """Compare the transaction that created a contract with the plan's: with these arguments and no others."""
    found = chain.data_sent(transaction)
    if found is None:
        return (f"was created by 0x{transaction.hex()}, which {chain.name} does not know",)
    if found != step.creation:
        return (f"was created by 0x{transaction.hex()} with other code or arguments than planned",)
    return ()


def _expected_immutables(chain: Chain, step: Step) -> dict[str, bytes]:
    """Return what every contract writes into its code of itself: its address and its EIP-712 domain."""
    domain = Domain(chain.chain_id, step.address)
    return {
        "library_deploy_address": _word(step.address),
        "EIP712._cachedThis": _word(step.address),
        "EIP712._cachedChainId": chain.chain_id.to_bytes(WORD, "big"),
        "EIP712._cachedNameHash": type_hash(domain.name),
        "EIP712._cachedDomainSeparator": domain.separator,
    }


def _word(data: bytes) -> bytes:
    return data.rjust(WORD, b"\0")
