"""How a command ends: the statuses of docs/reference/command-line.md, which a supervisor or a script goes by."""

from typing import Final

DONE: Final = 0
FAILED: Final = 1
"""What was checked does not hold, or a day failed."""
BAD_INPUT: Final = 2
"""A thing that a person must mend first: a file, an option, a setting, a database of another market."""
UNAVAILABLE: Final = 69
"""A node or a database server that does not answer: the same command may do later (sysexits EX_UNAVAILABLE)."""
BROKEN: Final = 70
"""A promise of the machine broke, or the record could not be written (sysexits EX_SOFTWARE)."""
