"""A refusal stays a refusal, whatever a node adds to it: its words where the rest cannot be read."""

from typing import Any

import pytest

from contracts.chain_errors import RequestRefused, data_of


@pytest.mark.parametrize(
    "added", ["0xrefused", "0x123", "Reverted 0x", ["0x08c379a0"], {"data": 8}, None], ids=str
)
def test_what_is_no_hex_is_no_data(added: Any) -> None:
    assert data_of({"code": 3, "message": "execution reverted", "data": added}) == b""


@pytest.mark.parametrize("told", ["08c379a0", f"08c379a0{32:064x}{2:064x}fffe{'00' * 30}"])
def test_an_error_of_a_known_name_with_something_else_behind_it_is_told_in_hex(told: str) -> None:
    refused = RequestRefused("execution reverted", data_of({"data": {"result": f"0x{told}"}}))
    assert str(refused) == f"reverted with 0x{told}"
