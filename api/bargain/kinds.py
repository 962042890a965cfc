"""The kinds of problems by name, and the way from a file to an answer."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from api.bargain.answer import Answer
from api.bargain.claims import Claims
from api.bargain.coalition import Coalition
from api.bargain.document import described, laid_out, read_document
from api.bargain.game import CoalitionalGame
from api.bargain.kind import SOLUTIONS, Asked, Kind
from api.bargain.offers import AlternatingOffers
from api.bargain.outcomes import FiniteOutcomes, GoodsToAllocate
from api.bargain.sets import FrontierSet, PolygonSet, TransferableTotal
from api.bargain.trade import BundleTrade, ContractTrade, PriceTrade
from api.input_error import InputError
from market.units import Malformed
from pricing.errors import PricingError

KINDS: Mapping[str, type[Kind]] = MappingProxyType(
    {
        each.kind: each
        for each in (
            TransferableTotal,
            PolygonSet,
            FrontierSet,
            FiniteOutcomes,
            GoodsToAllocate,
            PriceTrade,
            ContractTrade,
            BundleTrade,
            AlternatingOffers,
            Coalition,
            CoalitionalGame,
            Claims,
        )
    }
)


class NotAsked(Malformed):
    """An option that does not go with the problem in the file."""


def solve_file(path: Path, asked: Asked = Asked(), *, plot: bool = False) -> Answer:  # noqa: B008  (frozen)
    """Solve the problem in a file; with `plot` the answer has something to draw.

    Raises:
        InputError: naming the place in the file that cannot be used, or what makes the problem unsolvable.
        NotAsked: if an option does not go with the kind of problem.
    """
    document = read_document(path)
    kind = document.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        found = "nothing" if kind is None else described(kind)
        raise InputError(path, "kind", found, f"one of {', '.join(KINDS)}")
    problem = laid_out(path, document, KINDS[kind])
    _check_options(kind, problem, asked)
    try:
        answer = problem.solve(asked)
    except PricingError as error:
        raise Malformed(f"{path}, {error}") from None
    if plot and answer.draw is None:
        raise NotAsked(
            f"--plot: found it with this problem of the kind {kind}, expected two parties and a set of payoffs, "
            "a price or a coalition"
        )
    return answer


def _check_options(kind: str, problem: Kind, asked: Asked) -> None:
    if asked.solution not in (None, *SOLUTIONS):
        raise NotAsked(f"--solution: found {asked.solution!r}, expected all or one of {', '.join(SOLUTIONS)}")
    if asked.solution is not None and asked.solution not in problem.solutions():
        expected = " or ".join(("all", *problem.solutions()))
        raise NotAsked(f"--solution: found {asked.solution} with the kind {kind}, expected {expected}")
    if asked.private and kind != "coalition":
        raise NotAsked(f"--private: found it with the kind {kind}, expected it with coalition only")
