"""Claims on too little: how to divide capacity that was curtailed, or what is left of a supplier."""

from typing import ClassVar

from api.bargain.answer import Answer, Row
from api.bargain.kind import Asked, Kind, names_of
from pricing.cooperative import (
    bankruptcy_game,
    equal_awards,
    equal_losses,
    proportional,
    shapley,
    talmud,
)
from pricing.cooperative.game import PLAYERS_MAX


class Claims(Kind, frozen=True, kw_only=True):
    """An estate and the claims on it, in any one unit."""

    kind: ClassVar[str] = "claims"

    estate: float
    claims: tuple[float, ...]
    parties: tuple[str, ...] | None = None

    def solutions(self) -> tuple[str, ...]:
        """Return none: all rules are shown."""
        return ()

    def solve(self, asked: Asked) -> Answer:  # noqa: ARG002  (nothing can be asked for)
        """Return what each rule gives to each claimant."""
        parties = names_of(self.parties, len(self.claims))
        shares = {
            "talmud": talmud(self.estate, self.claims),
            "proportional": proportional(self.estate, self.claims),
            "equal_awards": equal_awards(self.estate, self.claims),
            "equal_losses": equal_losses(self.estate, self.claims),
        }
        if len(parties) <= PLAYERS_MAX:
            shares["random_arrival"] = shapley(bankruptcy_game(self.estate, self.claims))
        claimants: tuple[Row, ...] = tuple(
            {
                "party": name,
                "claim": self.claims[place],
                **{rule: given[place] for rule, given in shares.items()},
            }
            for place, name in enumerate(parties)
        )
        return Answer(self.kind, {"estate": self.estate}, {"shares": claimants})
