"""What eth-tester runs: py-evm, with blocks one second apart and receipts found by their transaction's hash.

Imported by who opens the in-process chain: it brings all of py-evm with it.
"""

from collections.abc import Sequence
from typing import Any

from eth.exceptions import TransactionNotFound
from eth_bloom.bloom import BloomFilter
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.backends.pyevm.serializers import serialize_transaction_receipt
from eth_utils.conversions import to_bytes

from contracts.chain import BLOCK_GAS_LIMIT
from market.orders import Address


class _Backend(PyEVMBackend):  # type: ignore[misc]  # has no types
    """Finds a receipt where py-evm keeps it; eth-tester would look through all blocks for it, the latest first."""

    def get_transaction_receipt(self, transaction_hash: bytes) -> Any:
        try:
            number, index = self.chain.get_canonical_transaction_index(transaction_hash)
        except TransactionNotFound:
            return super().get_transaction_receipt(transaction_hash)
        block = self.chain.get_canonical_block_by_number(number)
        receipts = block.get_receipts(self.chain.chaindb)
        transaction, vm = block.transactions[index], self.chain.get_vm()
        return serialize_transaction_receipt(block, receipts, transaction, index, False, vm)


class _Tester(EthereumTester):  # type: ignore[misc]  # has no types
    """Reads only the blocks whose bloom filter says that an event may be in them; eth-tester would read them all."""

    def get_logs(
        self,
        from_block: int | None = None,
        to_block: int | None = None,
        address: Any = None,
        topics: Any = None,
    ) -> tuple[Any, ...]:
        if not isinstance(from_block, int) or not isinstance(to_block, int):
            return tuple(super().get_logs(from_block, to_block, address, topics))
        wanted = [_bytes_of(address), *map(_bytes_of, topics or ())]
        found: list[Any] = []
        for number in range(from_block, to_block + 1):
            if self._may_hold(number, wanted):
                found += super().get_logs(number, number, address, topics)
        return tuple(found)

    def _may_hold(self, number: int, wanted: Sequence[Sequence[bytes]]) -> bool:
        bloom = BloomFilter(self.backend.chain.get_canonical_block_header_by_number(number).bloom)
        return all(not any_of or any(each in bloom for each in any_of) for any_of in wanted)


def _bytes_of(wanted: Any) -> list[bytes]:
    """Return the addresses or topics of which an event must have one; none if any will do."""
    if wanted is None:
        return []
    return [to_bytes(hexstr=each) for each in (wanted if isinstance(wanted, list | tuple) else [wanted])]


def tester(operator: Address, *, nonce: int, balance_wei: int, start_time_s: int | None) -> EthereumTester:
    """Return a chain on which one account stands at this nonce with this balance.

    Its clock starts at `start_time_s` (Unix seconds) and moves a second a block; None lets it follow the machine's.
    """
    overrides: dict[str, int] = {"gas_limit": BLOCK_GAS_LIMIT}
    if start_time_s is not None:
        overrides["timestamp"] = start_time_s
    account = {"balance": balance_wei, "nonce": nonce, "code": b"", "storage": {}}
    made = _Backend(
        genesis_parameters=PyEVMBackend.generate_genesis_params(overrides),
        genesis_state={operator: account},
    )
    if start_time_s is not None:
        made.chain = _paced(made.chain)
    return _Tester(made)


def _paced(chain: Any) -> Any:
    """Return the chain with blocks one second apart: py-evm would stamp each with the wall clock instead."""

    class PacedChain(type(chain)):  # type: ignore[misc]  # py-evm makes the class while it runs
        def create_header_from_parent(self, parent_header: Any, **params: Any) -> Any:
            params.setdefault("timestamp", parent_header.timestamp + 1)
            return super().create_header_from_parent(parent_header, **params)

    return PacedChain(chain.chaindb.db)
