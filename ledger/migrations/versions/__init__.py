"""The changes. A new one gets the next number, names the one before, and has no way back: the record only grows."""
