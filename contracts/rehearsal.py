"""Deploy a market without sending anything: where each contract would stand, its size, its gas, what the chain says.

The chain itself simulates each transaction, in a state in which the ones before it were done. A node that cannot do that
(Ganache, eth-tester) is spared the question, and an in-process chain answers it: the code and the rules are the same, the
prices of that chain's own are not.
"""

from dataclasses import dataclass
from typing import Any, Final

from contracts.chain import GAS_MAX, Chain, GasPrice, RequestRefused
from contracts.deployment import DeploymentPlan, Step, created_address
from contracts.opening import open_rehearsal

RUNTIME_MAX: Final = 24_576
"""Most bytes of a contract's code on chain (EIP-170)."""
CREATION_MAX: Final = 49_152
"""Most bytes of a transaction's data that creates a contract (EIP-3860)."""

_OWN_ADDRESS_CODE: Final = bytes.fromhex("3060005260206000f3")
"""Creation code of a contract whose code is its own address: ADDRESS, MSTORE, RETURN of one word."""
_FAR_NONCE: Final = 1_000_003

Overrides = dict[str, dict[str, str]]


class Undeployable(Exception):
    """The market cannot be deployed as planned: what was found, and what was expected."""


@dataclass(frozen=True, slots=True)
class RehearsedStep:
    """What a step would do: the gas it takes, and the code that would stand at its address."""

    step: Step
    gas: int
    runtime: bytes


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """All steps as they would go, and what they would cost in the chain's own coin.

    `on_target` says whether the chain itself simulated them, or one in this process instead.
    """

    steps: tuple[RehearsedStep, ...]
    on_target: bool
    gas_price: GasPrice
    balance_wei: int

    @property
    def gas(self) -> int:
        """All steps' gas."""
        return sum(each.gas for each in self.steps)

    @property
    def cost_wei(self) -> int:
        """What it would cost at the price of the next block."""
        return self.gas * self.gas_price.now_wei

    @property
    def most_wei(self) -> int:
        """What the operator's account must hold: the chain asks for every step's gas limit at the price offered."""
        return sum(self.gas_limit(each.step) for each in self.steps) * self.gas_price.most_wei

    def gas_limit(self, step: Step) -> int:
        """Return the gas to send a step with: a quarter above what it took where it was simulated."""
        gas = next(each.gas for each in self.steps if each.step == step)
        return min(gas * 5 // 4, GAS_MAX) if self.on_target else step.gas


def rehearse(chain: Chain, plan: DeploymentPlan, *, whole: DeploymentPlan | None = None) -> Rehearsal:
    """Go through a plan on a chain without sending anything.

    If part of it is done already, `plan` is what is left, and `whole` all of it.

    Raises:
        Undeployable: if a contract is too large, or the chain refuses a step.
    """
    for step in plan:
        _expect_size(step.name, "creation code", len(step.creation), CREATION_MAX)
    on_target = takes_overrides(chain)
    steps = _simulated(chain, plan) if on_target else _in_process(chain, plan, whole or plan)
    block_gas = chain.block_gas_limit()
    for each in steps:
        _expect_size(each.step.name, "code", len(each.runtime), RUNTIME_MAX)
        if each.gas > min(block_gas, GAS_MAX):
            raise Undeployable(
                f"{each.step.name}: takes {each.gas:,} gas, expected at most {min(block_gas, GAS_MAX):,}"
            )
    balance_wei = chain.balance_wei(plan.charter.operator)
    return Rehearsal(steps, on_target, chain.gas_price(), balance_wei)


def takes_overrides(chain: Chain) -> bool:
    """Return whether the node simulates calls, and estimates their gas, in a state that the caller overrides."""
    operator = chain.operator.address
    overrides = {hex_of(operator): {"nonce": hex(_FAR_NONCE)}}
    request = {"from": hex_of(operator), "data": hex_of(_OWN_ADDRESS_CODE)}
    try:
        stood_at = chain.request("eth_call", request, "latest", overrides)
        chain.request("eth_estimateGas", request, "latest", overrides)
    except RequestRefused:
        return False
    return bool(int(stood_at, 16) == int.from_bytes(created_address(operator, _FAR_NONCE), "big"))


def hex_of(data: bytes) -> str:
    """Return bytes as JSON-RPC writes them."""
    return "0x" + data.hex()


def _simulated(chain: Chain, plan: DeploymentPlan) -> tuple[RehearsedStep, ...]:
    """Ask the chain, each step in the state that those before it would leave."""
    operator = hex_of(plan.charter.operator)
    standing: Overrides = {}
    steps = []
    for step in plan:
        overrides = standing | {operator: {"nonce": hex(step.nonce)}}
        request: dict[str, Any] = {"from": operator, "data": hex_of(step.creation)}
        try:
            runtime = bytes.fromhex(chain.request("eth_call", request, "latest", overrides)[2:])
            gas = int(chain.request("eth_estimateGas", request, "latest", overrides), 16)
        except RequestRefused as error:
            raise Undeployable(f"{step.name}: {chain.name} would refuse it: {error}") from error
        standing[hex_of(step.address)] = {"code": hex_of(runtime)}
        steps.append(RehearsedStep(step, gas, runtime))
    return tuple(steps)


def _in_process(chain: Chain, plan: DeploymentPlan, whole: DeploymentPlan) -> tuple[RehearsedStep, ...]:
    double = open_rehearsal(chain.operator, nonce=whole.steps[0].nonce)
    steps = []
    for step in whole:
        receipt = double.send(double.operator, step.transaction)
        steps.append(RehearsedStep(step, receipt.gas_used, double.code(step.address)))
    return tuple(each for each in steps if each.step in plan.steps)


def _expect_size(name: str, what: str, found: int, most: int) -> None:
    if found > most:
        raise Undeployable(f"{name}: found {found:,} bytes of {what}, expected at most {most:,}")
