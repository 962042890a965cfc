"""What is called, and with what."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """A callable with arguments that it takes."""

    function: Callable[..., Any]
    positional: tuple[Any, ...]
    named: dict[str, Any]

    def __str__(self):
        return f"{self.function.__module__}.{self.function.__qualname__}"


def call(function, *positional, **named):
    return Call(function, positional, named)
