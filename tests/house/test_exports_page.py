"""The data dictionary has every column of every export with its type, in order, and nothing else."""

import re

import pytest

from api.stating import FRAME_TYPES
from ledger.accounts import AccountKind
from ledger.exports import NAMES, columns
from tests.house.pages import REFERENCE, section, table_keys

PAGE = REFERENCE / "exports.md"


@pytest.mark.parametrize("name", NAMES)
def test_every_column_is_listed_with_its_type(name):
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", section(PAGE, f"## `{name}`"), re.MULTILINE)
    assert rows == list(columns(name).items())


def test_every_column_of_a_statement_is_listed_with_its_type():
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", section(PAGE, "## Statements"), re.MULTILINE)
    assert rows == list(FRAME_TYPES.items())


def test_every_kind_of_account_is_listed():
    assert sorted(table_keys(section(PAGE, "## Accounts"))) == sorted(
        kind.name.lower() for kind in AccountKind
    )
