"""The operator's key, from the settings to bytes."""

from api.settings import Settings
from contracts.chain import ChainUnavailable

KEY_BYTES = 32


def operator_key(settings: Settings) -> bytes | None:
    """Return the operator's key, or None if the settings have none.

    Raises:
        ChainUnavailable: if it is no key. The message does not show it.
    """
    if settings.operator_key is None:
        return None
    try:
        key = bytes.fromhex(settings.operator_key.get_secret_value().removeprefix("0x"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ChainUnavailable("CCEI_OPERATOR_KEY: found something else, expected 0x and 64 hex digits")
    return key
