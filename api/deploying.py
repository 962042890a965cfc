"""Deploy a market on a chain that stays: look at the token, rehearse, send, verify."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api.whole_file import whole_file
from contracts.abi import artifact
from contracts.chain import Chain
from contracts.deploying import carry_out, verify
from contracts.deployment import Charter, Deployment, DeploymentPlan, Step
from contracts.deployment_file import Created, DeploymentFile, read_deployment
from contracts.guarantee import Rules
from contracts.rehearsal import CREATION_MAX, RUNTIME_MAX, Rehearsal, Undeployable, rehearse
from contracts.token_check import TokenReport, check_token
from contracts.verification import check_code
from market.orders import Address
from market.units import Malformed

if TYPE_CHECKING:
    from rich.console import Console

_WEI_PER_COIN = 10**18
_GWEI = 10**9


@dataclass(frozen=True, slots=True)
class Asked:
    """What a market is to be founded on: addresses None mean the operator's own, a token None means test money."""

    token: Address | None
    unlisted_token: bool
    guardian: Address | None
    fee_recipient: Address | None
    notice_period_s: int
    reading_window_s: int
    rules: Rules
    delivery_window_s: int

    def charter(self, operator: Address) -> Charter:
        """Return what will be fixed for good."""
        return Charter(
            operator=operator,
            guardian=self.guardian or operator,
            fee_recipient=self.fee_recipient or operator,
            notice_period_s=self.notice_period_s,
            reading_window_s=self.reading_window_s,
            rules=self.rules,
            delivery_window_s=self.delivery_window_s,
            token=self.token,
        )


@dataclass(frozen=True)
class Prepared:
    """A deployment that could go ahead: `file` says what is done already, `rehearsal` what is left, if anything is."""

    chain: str
    file: DeploymentFile
    rehearsal: Rehearsal | None
    token: TokenReport | None

    def as_dict(self) -> dict[str, object]:
        """Return it for machines."""
        told: dict[str, object] = {
            "chain": self.chain,
            "chain_id": self.file.chain_id,
            "operator": _hex(self.file.charter.operator),
            "settlement": _hex(self.file.settlement),
            "created": sorted(self.file.created),
            "token_unchecked": list(self.token.unchecked) if self.token else [],
        }
        if self.rehearsal is None:
            return told
        steps = [
            {
                "name": each.step.name,
                "address": _hex(each.step.address),
                "nonce": each.step.nonce,
                "gas": each.gas,
                "gas_limit": self.rehearsal.gas_limit(each.step),
                "creation_bytes": len(each.step.creation),
                "code_bytes": len(each.runtime),
            }
            for each in self.rehearsal.steps
        ]
        return told | {
            "simulated_by_the_chain": self.rehearsal.on_target,
            "steps": steps,
            "gas": self.rehearsal.gas,
            "gas_price_wei": str(self.rehearsal.gas_price.now_wei),
            "cost_wei": str(self.rehearsal.cost_wei),
            "needed_wei": str(self.rehearsal.most_wei),
            "balance_wei": str(self.rehearsal.balance_wei),
        }

    def show(self, console: "Console") -> None:
        """Print it for people."""
        from rich.table import Table

        charter = self.file.charter
        facts = Table(show_header=False, box=None)
        facts.add_column(style="bold")
        facts.add_row("chain", self.chain)
        facts.add_row("operator", _hex(charter.operator))
        for name, address in (
            ("guardian", charter.guardian),
            ("fee recipient", charter.fee_recipient),
            ("arbiter", charter.rules.arbiter or charter.operator),
        ):
            facts.add_row(name, "the operator" if address == charter.operator else _hex(address))
        facts.add_row("token", self._token())
        rules = charter.rules
        facts.add_row("exits, cancels", f"after {charter.notice_period_s:,} s of notice")
        facts.add_row("readings", f"within {charter.reading_window_s:,} s of the hour's end")
        facts.add_row(
            "guarantees",
            f"claims {rules.challenge_window_s:,} s, rulings {rules.ruling_window_s:,} s, "
            f"fallbacks {rules.rescue_window_s:,} s",
        )
        facts.add_row(
            "arbiter's bounds",
            f"bond {rules.bond_rate / 10_000:g} % of the payment, excuses at most {rules.excuse_most / 10_000:g} %",
        )
        facts.add_row("standby calls", f"hours within {charter.delivery_window_s:,} s")
        console.print(facts)
        if self.rehearsal is None:
            console.print("Every contract stands already.")
            return
        table = Table("contract", "gas", "bytes to create", "bytes of code", box=None)
        for column in table.columns[1:]:
            column.justify = "right"
        for each in self.rehearsal.steps:
            sizes = (f"{len(each.step.creation):,}", f"{len(each.runtime):,}")
            table.add_row(each.step.name, f"{each.gas:,}", *sizes)
        table.add_row("in all, at most", f"{self.rehearsal.gas:,}", f"{CREATION_MAX:,}", f"{RUNTIME_MAX:,}")
        console.print(table)
        places = Table("contract", "will stand at", box=None)
        for each in self.rehearsal.steps:
            places.add_row(each.step.name, _hex(each.step.address))
        console.print(places)
        self._show_cost(console, self.rehearsal)

    def _show_cost(self, console: "Console", rehearsal: Rehearsal) -> None:
        price = rehearsal.gas_price.now_wei / _GWEI
        console.print(
            f"Costs {_coins(rehearsal.cost_wei)} of the chain's coin at {price:.3g} gwei now; the operator needs "
            f"{_coins(rehearsal.most_wei)} and has {_coins(rehearsal.balance_wei)}. A rollup may charge for data besides."
        )
        if not rehearsal.on_target:
            console.print(
                "This node simulates nothing in a state that is overridden: an in-process chain stood in for it, so "
                "gas and sizes hold and the chain's own rules were not asked."
            )

    def _token(self) -> str:
        if self.token is None:
            return "test money, which the operator mints: never for real"
        told = f"{self.token.name} at {_hex(self.token.address)}"
        if self.token.listed is None:
            told += ", NOT on the reviewed list"
        else:
            told += f", on the reviewed list: {self.token.listed.note}"
        return told + "".join(f" Not checked: {each}." for each in self.token.unchecked)


def prepare(chain: Chain, asked: Asked, file: DeploymentFile | None) -> Prepared:
    """Look at everything before anything is sent. An unfinished `file` goes on where it stopped.

    Raises:
        Undeployable: if the chain, the token or the operator's account does not allow it.
    """
    charter = asked.charter(chain.operator.address)
    if file is None:
        first_nonce = chain.nonce(charter.operator)
        file = DeploymentFile(chain.chain_id, charter, first_nonce, chain.block_number(), certificate=True)
    elif (file.chain_id, file.charter) != (chain.chain_id, charter):
        raise Undeployable(
            "the file holds another deployment: expected the same chain, operator and options as in it"
        )
    token = None if asked.token is None else _looked_at(chain, asked.token, unlisted=asked.unlisted_token)
    left = tuple(step for step in file.plan if not chain.code(step.address))
    rehearsal = rehearse(chain, DeploymentPlan(charter, left), whole=file.plan) if left else None
    if rehearsal is not None and rehearsal.balance_wei < rehearsal.most_wei:
        raise Undeployable(
            f"operator 0x{charter.operator.hex()}: found {_coins(rehearsal.balance_wei)} of the chain's coin, "
            f"expected {_coins(rehearsal.most_wei)}"
        )
    return Prepared(chain.description, file, rehearsal, token)


def found_market(
    chain: Chain, prepared: Prepared, path: Path, tell: Callable[[Step, Created], None]
) -> Deployment:
    """Send what is left, keeping `path` up to date, and verify all of it.

    Raises:
        Undeployable: if a step fails, or what stands there is not what was sent.
    """
    rehearsal = prepared.rehearsal

    def save(file: DeploymentFile) -> None:
        with whole_file(path) as out:
            out.write(file.to_json() + "\n")

    def gas_limit(step: Step) -> int:
        return step.gas if rehearsal is None else rehearsal.gas_limit(step)

    return verify(chain, carry_out(chain, prepared.file, gas_limit=gas_limit, save=save, tell=tell))


def show_verified(chain: Chain, file: DeploymentFile, console: "Console") -> None:
    """Print what the constructors wrote into each contract's code, for whoever compares it by eye."""
    from rich.table import Table

    table = Table("contract", "code", "immutable", "value on the chain", box=None)
    for step in file.plan:
        size = f"{len(artifact(step.name).runtime):,} B"
        rows = sorted(check_code(chain, step).immutables.items()) or [("", b"")]
        for place, (name, word) in enumerate(rows):
            table.add_row(*((step.name, size) if place == 0 else ("", "")), name, _short(word))
    console.print(table)


def read_file(path: Path) -> DeploymentFile:
    """Read a deployment file.

    Raises:
        Malformed: if it is none, with its name.
    """
    try:
        return read_deployment(path.read_text(encoding="utf-8"))
    except Malformed as error:
        raise Malformed(f"{path}: {error}") from None


def address_of(option: str, text: str | None) -> Address | None:
    """Read an address from the command line: 20 bytes in hex, and if it has capitals, those of EIP-55.

    Raises:
        Malformed: if it is none, with the option's name.
    """
    from eth_utils.address import is_checksum_address, is_hex_address

    if text is None:
        return None
    mixed = text[2:] not in (text[2:].lower(), text[2:].upper())
    if not text.startswith("0x") or not is_hex_address(text) or (mixed and not is_checksum_address(text)):
        raise Malformed(
            f"{option}: found {text!r}, expected 0x and 40 hex digits, capitals as EIP-55 has them"
        )
    return Address(bytes.fromhex(text[2:]))


def _looked_at(chain: Chain, token: Address, *, unlisted: bool) -> TokenReport:
    report = check_token(chain, token)
    if report.listed is None and not unlisted:
        raise Undeployable(
            f"token {_hex(token)} ({report.name}): is not on the reviewed list for chain {chain.chain_id} "
            "(contracts/tokens.toml), and a settlement has one token for good; expected a listed token, or "
            "--unlisted-token-at-my-own-risk"
        )
    return report


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"


def _short(word: bytes) -> str:
    """Return an immutable's word: an address, a number, or a hash."""
    number = int.from_bytes(word, "big")
    if number < 1 << 64:
        return str(number) if word else ""
    return _hex(word[12:]) if number < 1 << 160 else _hex(word)


def _coins(wei: int) -> str:
    return f"{wei / _WEI_PER_COIN:.6f}"
