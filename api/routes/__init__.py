"""HTTP routes: parse and authenticate, hand a command to the sequencer, word the answer."""

from typing import Annotated, cast

from fastapi import Depends, Request

from api.house import House


def _house(request: Request) -> House:
    return cast(House, request.app.state.house)


HouseOf = Annotated[House, Depends(_house)]
"""The house that the app was built around."""
