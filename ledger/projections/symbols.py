"""How the readable tables name instruments, and what a tick of their price is worth."""

from market.instruments import Instrument, from_id
from market.requirements import is_commitment
from market.units import Micros


class Symbols:
    """Instruments by id, each decoded once."""

    def __init__(self) -> None:
        self._known: dict[int, Instrument] = {}
        self._symbols: dict[int, str] = {}
        self._ticks: dict[int, Micros] = {}

    def instrument(self, instrument_id: int) -> Instrument:
        """Return the instrument of an id."""
        found = self._known.get(instrument_id)
        if found is None:
            found = self._known[instrument_id] = from_id(instrument_id)
        return found

    def symbol(self, instrument_id: int) -> str:
        """Return the symbol of an id, of a commitment to several instruments its 0x-hex."""
        symbol = self._symbols.get(instrument_id)
        if symbol is None:
            named = not is_commitment(instrument_id)
            symbol = self.instrument(instrument_id).symbol if named else f"0x{instrument_id:064x}"
            self._symbols[instrument_id] = symbol
        return symbol

    def tick_micros(self, instrument_id: int) -> Micros:
        """Return the price step of an instrument, in micros per unit."""
        tick = self._ticks.get(instrument_id)
        if tick is None:
            tick = self._ticks[instrument_id] = self.instrument(instrument_id).commodity.tick_micros
        return tick
