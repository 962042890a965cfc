"""Carry a deployment plan out, step by step: what is done is never sent again, and what is not is said."""

from collections.abc import Callable
from typing import Final

from contracts.abi import artifact
from contracts.chain import Chain, ChainUnavailable, Receipt, Transaction, transaction_hash
from contracts.deployment import Deployment, Step, attach, attach_certificate
from contracts.deployment_file import Created, DeploymentFile
from contracts.rehearsal import Undeployable
from contracts.verification import check_code, check_creation

WAIT_S: Final = 600.0
"""How long a transaction may wait for its block before we say so and leave it to the next run."""


def carry_out(
    chain: Chain,
    file: DeploymentFile,
    *,
    gas_limit: Callable[[Step], int],
    save: Callable[[DeploymentFile], None],
    tell: Callable[[Step, Created], None],
) -> DeploymentFile:
    """Send what has not been sent, in sequence, and return the complete file.

    `save` is called before a transaction is broadcast and after it is in its block: whoever crashes goes on from there.
    The same signed bytes are broadcast again, which changes nothing if the chain has them.

    Raises:
        Undeployable: if a step cannot be done any more, or other code stands where its contract should.
        TimeoutError: if a transaction is in no block after `WAIT_S`; another run goes on waiting.
    """
    for step in file.plan:
        if step.name not in file.created:
            if step.name not in file.sent:
                file = file.with_sent(step, _signed(chain, step, gas_limit(step)))
                save(file)
            receipt = _in_block(chain, step, file.sent[step.name])
            digest = artifact(step.name).digest
            created = Created(receipt.transaction, receipt.block_number, receipt.gas_used, digest)
            file = file.with_created(step, created)
            save(file)
        if faults := check_code(chain, step).faults:
            raise Undeployable(f"{step.name} at 0x{step.address.hex()}: {faults[0]}")
        tell(step, file.created[step.name])
    return file


def verify(chain: Chain, file: DeploymentFile) -> Deployment:
    """Prove that the contracts of a file stand on the chain as the artifacts and the charter say.

    Raises:
        Undeployable: with the first thing that is found to differ.
        ChainUnavailable: if a contract does not answer as it should, or the chain is another one.
    """
    if chain.chain_id != file.chain_id:
        raise ChainUnavailable(f"{chain.name}: found chain id {chain.chain_id}, expected {file.chain_id}")
    for step in file.plan:
        done = file.created.get(step.name)
        if done is None:
            raise Undeployable(f"{step.name}: was never created, expected a complete deployment")
        if done.digest != artifact(step.name).digest:
            raise Undeployable(
                f"{step.name}: was deployed from another artifact than contracts/artifacts has"
            )
        faults = check_code(chain, step).faults or check_creation(chain, step, done.transaction)
        if faults:
            raise Undeployable(f"{step.name} at 0x{step.address.hex()}: {faults[0]}")
    deployment = attach(chain, file.settlement, block_number=file.first_block)
    if file.certificate:
        attach_certificate(chain, file.plan.step("Certificate").address, deployment.settlement)
    return deployment


def _signed(chain: Chain, step: Step, gas: int) -> bytes:
    nonce = chain.nonce(chain.operator.address)
    if nonce != step.nonce:
        raise Undeployable(
            f"{step.name}: found the operator at nonce {nonce}, expected {step.nonce}: it sent something else in "
            "between, so the addresses no longer hold. Begin again with a new file"
        )
    return chain.sign(chain.operator, Transaction(None, step.creation, gas), nonce=nonce)


def _in_block(chain: Chain, step: Step, raw: bytes) -> Receipt:
    receipt = chain.receipt(transaction_hash(raw)) or chain.wait(chain.broadcast(raw), timeout_s=WAIT_S)
    if not receipt.succeeded:
        raise Undeployable(
            f"{step.name}: transaction 0x{receipt.transaction.hex()} failed, expected a contract"
        )
    return receipt
