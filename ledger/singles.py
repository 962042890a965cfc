"""Single commands and events as they stand encoded in a batch: what the Merkle trees of the record are made of.

A batch's bytes are a msgpack list; its items are taken apart and put together here without being read.
"""

from collections.abc import Iterable

import msgspec

from ledger.layout import BadEncoding

_SPLITTER = msgspec.msgpack.Decoder(list[msgspec.Raw])


def split(blob: bytes) -> list[msgspec.Raw]:
    """Return the bytes of each single command or event, without reading them: of every version alike.

    Raises:
        BadEncoding: if this is no list, or its length is written longer than it needs to be.
    """
    try:
        parts = _SPLITTER.decode(blob)
    except msgspec.DecodeError as error:
        raise BadEncoding(f"found {error}, expected a list of single rows") from None
    if not blob.startswith(_list_head(len(parts))):
        raise BadEncoding(f"found the head {blob[:5].hex()} of a list of {len(parts)}, expected it shorter")
    return parts


def join(parts: Iterable[bytes]) -> bytes:
    """Return the bytes of a batch's commands or events, given each single one.

    >>> [bytes(part).hex() for part in split(join([b"\\x91\\x01", b"\\x91\\x02"]))]
    ['9101', '9102']
    """
    singles = tuple(parts)
    return _list_head(len(singles)) + b"".join(singles)


def _list_head(length: int) -> bytes:
    """Return what msgpack writes before the items of a list."""
    if length < 1 << 4:
        return bytes([0x90 | length])
    if length < 1 << 16:
        return b"\xdc" + length.to_bytes(2, "big")
    return b"\xdd" + length.to_bytes(4, "big")
