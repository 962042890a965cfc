"""The sides by themselves: looking up a member of an enumeration takes long in Python 3.11, and some do for each order."""

from typing import Final

from market.orders import Side

BUY: Final = Side.BUY
SELL: Final = Side.SELL
