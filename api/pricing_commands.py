"""The commands that price and bargain without a market: ccei clear, bargain and price."""

from pathlib import Path
from typing import Annotated

import typer

from api.terminal import JsonOption, print_found, progress_console, stop, told


def clear(
    bids: Annotated[
        Path, typer.Argument(metavar="BIDS.csv", help="Bids and offers, one a line.", show_default=False)
    ],
    mechanism: Annotated[
        str, typer.Option("--mechanism", metavar="NAME", help="How trades and prices are found, see above.")
    ] = "uniform",
    ties: Annotated[
        str | None,
        typer.Option("--ties", metavar="time|pro-rata", help="Who trades at the margin; time if not given."),
    ] = None,
    k: Annotated[
        float | None,
        typer.Option("--k", min=0, max=1, help="0: the sellers' limits, 1: the buyers'; 0.5 if not given."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Of the lots that are drawn; 1 if not given.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Clear one call auction: price, volume, allocation, welfare.

    Columns: side (buy, sell), price, quantity (up to six decimals), participant. Better prices trade first; of equal
    ones, the earlier line, or all in proportion.

    \b
    Mechanisms (* takes --ties, + takes --k, ? draws lots with --seed):
      uniform *              one price for all, the largest volume
      pay-as-bid *           every supplier is paid its own offer
      k-double *+            one price, k of the way up those that clear the market
      mcafee                 the price of those left out, or one trade less
      trade-reduction        one trade less, which sets both prices
      sbb-trade-reduction ?  the same at one price, and a lottery
      vcg                    each pays what the others lose; at a deficit
      huang                  the marginal orders set the prices and stay out
      muda ?                 two halves, each at the other's price
      p2p +?                 pairs that meet by chance

    mcafee, trade-reduction and sbb-trade-reduction are truthful for orders of one unit and know no part of one; for
    more, take huang, muda or vcg.

    Example: ccei clear bids.csv --mechanism uniform

    Example: ccei clear bids.csv --mechanism k-double --k 0.25 --ties pro-rata

    Example: ccei clear bids.csv --mechanism vcg --json

    Example: ccei clear bids.csv --mechanism muda --seed 7
    """
    from api.clearing import clear_file
    from pricing.errors import PricingError

    with told():
        try:
            cleared = clear_file(bids, mechanism, ties=ties, k=k, seed=seed)
        except PricingError as error:
            stop(str(error))
    print_found(cleared, json=json)


def bargain(
    problem: Annotated[
        Path,
        typer.Argument(metavar="PROBLEM.json", help="One problem, a JSON object.", show_default=False),
    ],
    solution: Annotated[
        str,
        typer.Option(
            "--solution",
            metavar="all|nash|kalai-smorodinsky|egalitarian|utilitarian",
            help="Which solution, where there are several.",
        ),
    ] = "all",
    private: Annotated[
        bool, typer.Option("--private", help="Of a coalition: members keep costs and limits to themselves.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.png", help="Draw a two-party set, a price or a coalition."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Solve a bargaining problem: who gets what, and at what price.

    \b
    The file is one JSON object; "kind" says what is bargained over:
      transferable        a total in money: total, disagreement, caps
      polygon             payoff pairs of two: vertices, disagreement
      frontier            limits in words: frontier, disagreement
      finite              outcomes to choose from: outcomes, disagreement
      allocation          goods to hand out: goods, parties
      price               one trade: value, cost, quantity, book
      contract            quantity and money: value, cost, book
      bundle              one buyer, several sellers: value, sellers
      alternating-offers  patience: discounts, or rates and period
      coalition           who shares energy, compute, network: agents
      game                what coalitions are worth: players, worth
      claims              too little for all: estate, claims
    All keys of each, with an example: docs/reference/bargain-problem.md.

    \b
    price.json, a solar plant and a data centre beside an order book:
      {"kind": "price", "value": 0.09, "cost": 0.02, "quantity": 5000,
       "book": {"asks": [[0.06, 3000], [0.08, 9000]], "bids": [[0.04, 9000]]}}

    Example: ccei bargain price.json --plot price.png

    \b
    frontier.json, two parties and all they can reach:
      {"kind": "frontier", "frontier": "u2 = 1 - u1**2", "disagreement": [0, 0]}

    Example: ccei bargain frontier.json --solution nash --json

    \b
    coalition.json, two homes, one with a roof to spare:
      {"kind": "coalition", "agents": [
        {"name": "north", "load": [4, 6], "grid": {"buy": 0.5, "sell": 0.1}},
        {"name": "south", "renewable": [9, 3], "grid": {"buy": 0.5, "sell": 0.1}}]}

    Example: ccei bargain coalition.json --private
    """
    from api.bargain import Asked, solve_file
    from api.price_card import save_plot

    console = progress_console(quiet=json)
    with told(), console.status("solving") as status:
        answer = solve_file(
            problem,
            Asked(
                solution=None if solution == "all" else solution,
                private=private,
                progress=lambda round_, found: status.update(
                    f"round {round_}: {found.primal:.1e} from balance, {found.dual:.1e} from rest"
                ),
            ),
            plot=plot is not None,
        )
        if plot is not None and answer.draw is not None:
            save_plot(answer.draw(), plot)
    print_found(answer, json=json)


def price(
    instrument: Annotated[
        str,
        typer.Argument(
            metavar="INSTRUMENT", help="A symbol, with or without delivery window.", show_default=False
        ),
    ],
    load: Annotated[
        float, typer.Option("--load", min=0, max=1, help="Sold over registered capacity, from 0 to 1.")
    ] = 0.8,
    energy: Annotated[
        str | None,
        typer.Option(
            "--energy",
            metavar="TYPE|MIX",
            help="solar, wind, hydro, nuclear, storage, gas, coal, oil, mix; or a=x,b=y.",
        ),
    ] = None,
    pue: Annotated[
        float | None, typer.Option("--pue", min=1, help="Of the site, for compute.", show_default=False)
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw the price over the load.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Price an instrument at a load.

    Base price, reference price and band, and the supplier's share. The base price comes from quality, service and energy
    type; the load moves it each hour, up above 0.8 and down below. Under the nash rule a trade's price lies between
    offer and bid, at the supplier's share of the way.

    Examples:

    ccei price CMP.H100@CISO/2022-03-11T18Z/1h#Q3.G2 --load 0.9 --energy solar

    ccei price CMP.H100@CISO#Q3.G2 --energy solar=0.7,gas=0.3 --pue 1.1

    ccei price ENE.WIND@CISO --load 0.6 --plot wind.png
    """
    from api.price_card import plot_price, price_card, save_plot
    from pricing.errors import PricingError

    with told():
        try:
            card = price_card(instrument, load=load, energy=energy, pue=pue)
            if plot is not None:
                save_plot(plot_price(instrument, energy=energy, pue=pue), plot)
        except PricingError as error:
            stop(str(error))
    print_found(card, json=json)
