"""Whether a lie pays: what a participant gains by another price on his order than the true one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pricing.auctions.orders import Book
from pricing.auctions.outcome import Outcome
from pricing.errors import number, vector


@dataclass(frozen=True, slots=True)
class Lie:
    """The best lie that was found: who gains how much, in dollars, by which price on which order; no gain is 0."""

    gain: float
    order: int | None
    price: float | None


def best_misreport(
    mechanism: Callable[[Book], Outcome], book: Book, reports: Sequence[float], *, least: float = 1e-9
) -> Lie:
    """Try every price of `reports` on every order, all others true, and return what gains its owner most.

    The prices of the book are the truth; gains below `least` dollars are taken for rounding. A mechanism that draws lots is
    tried with the seed that it was given.

    >>> from pricing.auctions import k_double, mcafee, unit_book
    >>> book = unit_book([9, 8, 7, 4], [2, 3, 4, 6])
    >>> reports = [step / 4 for step in range(49)]
    >>> best_misreport(mcafee, book, reports).gain
    0.0
    >>> best_misreport(k_double, book, reports)
    Lie(gain=1.0, order=0, price=4.0)

    Raises:
        PricingError: if a report is no finite number, or `least` is negative.
    """
    least = number("least", least, low=0)
    truthful = mechanism(book)
    best = Lie(0.0, None, None)
    for order in range(len(book)):
        own = [at for at in range(len(book)) if book.owners[at] == book.owners[order]]
        true_gain = _gain(book, own, truthful)
        for price in vector("reports", reports).tolist():
            gain = _gain(book, own, mechanism(book.with_price(order, price))) - true_gain
            if gain > max(best.gain, least):
                best = Lie(gain, order, price)
    return best


def _gain(book: Book, own: list[int], outcome: Outcome) -> float:
    return float(sum(book.signs[at] * book.prices[at] * outcome.filled[at] - outcome.paid[at] for at in own))
