"""Whether a record may go on with its contracts: the last batch on chain must be anchored in it."""

from contracts.chain import Chain, ChainUnavailable
from contracts.deployment import Deployment
from ledger.genesis import WrongMarket
from ledger.outbox import Outbox
from ledger.record import RecordReader


def check_not_behind(record: RecordReader, outbox: Outbox, chain: Chain, deployment: Deployment) -> None:
    """Prove that the last batch on chain is one of this record: its outbox has it, or one of its rows the hash it carries.

    Whoever went on from a copy that lacks what was settled would give other trades the numbers of those on chain. The
    usual start costs one question to the chain.

    Raises:
        ChainUnavailable: if the node tells of a batch and not what it carries.
        WrongMarket: if the record is a copy that is behind the chain.
    """
    settlement = deployment.settlement
    number = settlement.last_batch(chain)
    if not number or outbox.signed("settle", reference=f"{number}:"):
        return
    carried = settlement.record_hashes(chain, from_block=deployment.block_number, batch_number=number)
    if not carried:
        raise ChainUnavailable(
            f"{chain.name}: found no events of batch {number}, expected those of the last one that it tells of: it is "
            "behind. Start again when it is not"
        )
    anchor = carried[0]
    if record.number_of(anchor) is None:
        raise WrongMarket(
            f"batch {number} on chain carries record hash 0x{anchor.hex()}, expected that of a row of this record, and no "
            "row has it: the record is a copy that is behind the chain, or another program settles with this key. Restore "
            "a later copy; do not go on from this one"
        )
