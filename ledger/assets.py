"""Assets: what stands on accounts. The settlement token in micros, or energy certificates of one id in Wh.

A certificate's asset is its id, one 256-bit word that is never 0; 0 is the settlement token.
"""

from typing import Final, NewType

from market.units import InvariantBroken, Malformed

Asset = NewType("Asset", int)

TOKEN: Final = Asset(0)
"""The settlement token, in micros."""

_MONEY = "token"
_WORD_BITS = 256
_WORD_DIGITS = _WORD_BITS // 4


def asset_of(certificate_id: int) -> Asset:
    """Return the asset that certificates of an id are.

    Raises:
        InvariantBroken: if it is no 256-bit word other than 0.
    """
    if not 0 < certificate_id < 1 << _WORD_BITS:
        raise InvariantBroken(f"certificate id: found {certificate_id:#x}, expected 1 to 2^{_WORD_BITS} - 1")
    return Asset(certificate_id)


def asset_name(asset: Asset) -> str:
    """Return an asset's name in tables and exports.

    >>> asset_name(TOKEN)
    'token'
    """
    return _MONEY if asset == TOKEN else f"0x{asset:0{_WORD_DIGITS}x}"


def parse_asset(name: str) -> Asset:
    """Read an asset's name back.

    Raises:
        Malformed: if it is neither `token` nor a certificate id of 0x and 64 hex digits, not 0.
    """
    if name == _MONEY:
        return TOKEN
    try:
        asset = Asset(int(name, 16))
    except ValueError:
        asset = TOKEN
    if not 0 < asset < 1 << _WORD_BITS or asset_name(asset) != name:
        raise Malformed(
            f"asset: found {name!r}, expected {_MONEY!r} or 0x and {_WORD_DIGITS} lower-case hex digits, not 0"
        )
    return asset


def unit_of(asset: Asset) -> str:
    """Return in what an asset is counted: `micros` or `Wh`."""
    return "micros" if asset == TOKEN else "Wh"
