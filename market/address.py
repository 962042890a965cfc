"""Who is meant: participants and meters go by their Ethereum address."""

from typing import NewType

Address = NewType("Address", bytes)
"""A participant or a meter: the 20 bytes of its Ethereum address."""
