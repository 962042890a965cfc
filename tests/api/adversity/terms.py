"""Who trades what and when on the stage."""

from contracts.signing import Signer
from market.units import Micros

START_S = 1_647_046_800  # 2022-03-12T01:00Z
SLOT_S = START_S + 7_200
OVER_S = SLOT_S + 3_600
READING_S, CHALLENGE_S = 1_800, 600
CONFIRMATIONS = 2

SYMBOLS = ("ENE.SOLAR@CISO/2022-03-12T03Z/1h#Q1", "ENE.WIND@CISO/2022-03-12T03Z/1h#Q1")
BUYERS = tuple(Signer.from_seed(6, f"buyer {number}") for number in range(2))
SELLER = Signer.from_seed(6, "seller")
UNMETERED = Signer.from_seed(6, "seller whose meter the contract does not know")
PEOPLE = tuple(signer.address for signer in (*BUYERS, SELLER, UNMETERED))
FUNDS = Micros(1_000_000_000)


def meter_of(seller: Signer, symbol: str) -> Signer:
    """Return the meter of what a seller offers of a product."""
    return Signer.from_seed(6, f"meter {seller.address.hex()} {symbol}")
