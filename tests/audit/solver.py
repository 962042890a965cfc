"""Answer what halmos asks in an SMT-LIB file with Bitwuzla, which PyPI has as a library without a program.

It proves what yices, halmos's own choice, gives up on. Run by the interpreter of the audit's tools, with the file's name.
"""

import sys
from importlib import import_module
from typing import Any


def main(path: str) -> None:
    """Print `sat` and a model, or `unsat`."""
    bitwuzla: Any = import_module("bitwuzla")
    options = bitwuzla.Options()
    options.set(bitwuzla.Option.PRODUCE_MODELS, True)
    bitwuzla.Parser(bitwuzla.TermManager(), options).parse(path)


if __name__ == "__main__":
    main(sys.argv[-1])
