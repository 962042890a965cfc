"""The command line: ccei --help. Heavy libraries are imported by the command that needs them, so that help is instant."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from datetime import date

    from rich.console import Console

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2

app = typer.Typer(
    name="ccei",
    help="One market for compute, network and energy: offered, matched, priced, guaranteed and settled together.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # typer's rich and markdown pages cost twice the time of all else that help needs
    pretty_exceptions_enable=False,
)

ChainOption = Annotated[
    str,
    typer.Option(
        "--chain",
        metavar="auto|tester|anvil|ganache|URL",
        help="Where trades settle: auto starts Anvil if its binary is there, else the in-process chain.",
    ),
]
DatabaseOption = Annotated[
    str | None, typer.Option("--database", metavar="URL", help="SQLite URL, e.g. sqlite:///day.db.")
]
OutOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Where report.html and summary.json are written.")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same day, same state hash.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]


def _stop(message: str, *, status: int = EXIT_BAD_INPUT) -> NoReturn:
    typer.secho(f"ccei: {message}", err=True, fg=typer.colors.RED)
    raise typer.Exit(status)


@contextmanager
def _told() -> Iterator[None]:
    """Turn what a user can mend into one line on standard error and an exit status; let the rest pass."""
    from api.whole_file import Unwritable
    from market.units import Malformed

    try:
        yield
    except BrokenPipeError:  # the reader has what it wanted, as in | head: typer ends quietly
        raise
    except (Malformed, Unwritable) as error:
        _stop(str(error))
    except OSError as error:
        _stop(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))


@contextmanager
def _told_of_house() -> Iterator[None]:
    """Do as _told, for commands that open a market."""
    from pydantic import ValidationError

    from api.settings import explain
    from api.settler import SettlementFailed
    from contracts.chain import ChainUnavailable
    from ledger.database import DatabaseUnusable
    from ledger.record import BrokenChain, RecordInUse, WrongMarket

    with _told():
        try:
            yield
        except ValidationError as error:
            _stop(explain(error))
        except (ChainUnavailable, DatabaseUnusable, RecordInUse, WrongMarket) as error:
            _stop(str(error))
        except (BrokenChain, SettlementFailed) as error:
            _stop(str(error), status=EXIT_FAILED)


def _console(*, quiet: bool) -> "Console":
    from rich.console import Console

    return Console(stderr=True, quiet=quiet)


@app.command()
def demo(
    seed: SeedOption = 1,
    chain: ChainOption = "auto",
    database: DatabaseOption = None,
    out: OutOption = Path("day-report"),
    json: JsonOption = False,
) -> None:
    """Run the built-in market day.

    It is 12 March 2022 in California: what was generated the day before is offered, what was generated then is delivered.

    Example: ccei demo --chain tester --out day-report
    """
    _run_day(
        "ciso-2022-03-12",
        seed=seed,
        chain=chain,
        chain_id=None,
        database=database,
        out=out,
        json=json,
        energy=None,
        day=None,
        workload=None,
        network=None,
    )


@app.command("market-day")
def market_day(
    scenario: Annotated[
        str, typer.Argument(help="Name of a built-in scenario, or a folder with scenario.toml.")
    ] = "ciso-2022-03-12",
    seed: SeedOption = 1,
    chain: ChainOption = "auto",
    chain_id: Annotated[
        int | None, typer.Option("--chain-id", help="Insist on this chain id.", show_default=False)
    ] = None,
    database: DatabaseOption = None,
    out: OutOption = Path("day-report"),
    energy: Annotated[
        Path | None, typer.Option("--energy", metavar="FILE", help="Hourly generation, EIA-930 columns.")
    ] = None,
    day: Annotated[
        str | None,
        typer.Option(
            "--day", metavar="YYYY-MM-DD", help="Delivery day (UTC); offers come from the day before."
        ),
    ] = None,
    workload: Annotated[
        Path | None,
        typer.Option(
            "--workload", metavar="FILE", help="LLM requests: TIMESTAMP,ContextTokens,GeneratedTokens."
        ),
    ] = None,
    network: Annotated[
        Path | None,
        typer.Option("--network", metavar="DIR", help="Egress cost, latency, throughput between regions."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run a whole market day and report it.

    Offers and bids, call auction, order book, delivery, settlement on chain, guarantees, books. Files of outside
    figures take the place of the scenario's own.

    Example: ccei market-day --energy CISO.csv --day 2022-02-15 --chain anvil

    With --chain URL the operator's key is read from CCEI_OPERATOR_KEY (not needed on a development node).
    """
    _run_day(
        scenario,
        seed=seed,
        chain=chain,
        chain_id=chain_id,
        database=database,
        out=out,
        json=json,
        energy=energy,
        day=day,
        workload=workload,
        network=network,
    )


def _day(text: str | None) -> "date | None":
    from datetime import date

    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError:
        _stop(f"--day: found {text!r}, expected a date such as 2022-02-15")


def _run_day(
    scenario: str,
    *,
    seed: int,
    chain: str,
    chain_id: int | None,
    database: str | None,
    out: Path,
    json: bool,
    energy: Path | None,
    day: str | None,
    workload: Path | None,
    network: Path | None,
) -> None:
    import json as json_module

    from api.day.report import write_report
    from api.day.run import DayFailed, run_day
    from api.day.scenario import load_scenario
    from api.day.summary import print_summary, summary, write_summary
    from api.whole_file import new_folder

    console = _console(quiet=json)
    delivery_day = _day(day)
    with _told_of_house():
        loaded = load_scenario(scenario, energy=energy, day=delivery_day, workload=workload, network=network)
        with new_folder(out):
            try:
                result = run_day(
                    loaded,
                    seed=seed,
                    chain=chain,
                    chain_id=chain_id,
                    database=database or f"sqlite:///{out / 'day.db'}",
                    fresh_database=database is None,
                    console=console,
                )
            except DayFailed as error:
                _stop(str(error), status=EXIT_FAILED)
            with console.status("writing the report"):
                write_summary(result, out / "summary.json")
                write_report(result, out / "report.html")
    if json:
        typer.echo(json_module.dumps(summary(result), indent=2))
    else:
        from rich.console import Console

        print_summary(result, Console())
        console.print(f"\nWritten: [bold]{out / 'report.html'}[/], [bold]{out / 'summary.json'}[/]")


@app.command()
def match(
    flow: Annotated[Path, typer.Argument(metavar="FLOW.csv", help="Orders, one a line.", show_default=False)],
    trades: Annotated[
        Path | None, typer.Option("--trades", metavar="OUT.csv", help="Write the trades here, in order.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Replay an order flow through one order book.

    Orders match strictly by price, then by time.

    Columns: action (new, cancel, replace), order_id (a whole number), side (buy, sell), type (limit, market),
    tif (gtc, ioc, fok), price and quantity (up to six decimals); if you like post_only (true, false), participant and
    timestamp, which matching does not need: the order of the lines is the order of time.

    A cancel needs its order_id alone; a replace gives the new price and the new remaining quantity, and keeps its
    place in the queue if only the quantity shrinks. A market order's price, if it has one, is its limit.

    Trades come out as taker_order_id,maker_order_id,price,quantity, in order and all or none: to --trades, else to
    standard output.

    Example: ccei match flow.csv --trades trades.csv
    """
    import json as json_module

    from api.flows import replay

    console = _console(quiet=json)
    with _told():
        replayed = replay(flow, trades, write_trades=not json or trades is not None, console=console)
    if json:
        typer.echo(json_module.dumps(replayed.as_dict()))
    else:
        replayed.show(console)


@app.command()
def clear(
    bids: Annotated[
        Path, typer.Argument(metavar="BIDS.csv", help="Bids and offers, one a line.", show_default=False)
    ],
    mechanism: Annotated[
        str, typer.Option("--mechanism", metavar="NAME", help="How trades and prices are found, see above.")
    ] = "uniform",
    ties: Annotated[
        str | None,
        typer.Option(
            "--ties", metavar="time|pro-rata", help="Who trades at the margin; time if not given."
        ),
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
    import json as json_module

    from api.clearing import clear_file
    from pricing.errors import PricingError

    with _told():
        try:
            cleared = clear_file(bids, mechanism, ties=ties, k=k, seed=seed)
        except PricingError as error:
            _stop(str(error))
    if json:
        typer.echo(json_module.dumps(cleared.as_dict(), indent=2))
    else:
        from rich.console import Console

        cleared.show(Console())


@app.command()
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
    import json as json_module

    from api.bargain import Asked, solve_file
    from api.price_card import save_plot

    console = _console(quiet=json)
    with _told(), console.status("solving") as status:
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
    if json:
        typer.echo(json_module.dumps(answer.as_dict(), indent=2, ensure_ascii=False))
    else:
        from rich.console import Console

        answer.show(Console())


@app.command()
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
    """Price an instrument: base price, reference price and band at a load, the supplier's share.

    The base price comes from quality, service and energy type; the load moves it each hour, up above 0.8 and down
    below. Under the nash rule a trade's price lies between offer and bid, at the supplier's share of the way.

    Examples:

    ccei price CMP.H100@CISO/2022-03-11T18Z/1h#Q3.G2 --load 0.9 --energy solar

    ccei price CMP.H100@CISO#Q3.G2 --energy solar=0.7,gas=0.3 --pue 1.1

    ccei price ENE.WIND@CISO --load 0.6 --plot wind.png
    """
    import json as json_module

    from api.price_card import plot_price, price_card, save_plot
    from pricing.errors import PricingError

    with _told():
        try:
            card = price_card(instrument, load=load, energy=energy, pue=pue)
            if plot is not None:
                save_plot(plot_price(instrument, energy=energy, pue=pue), plot)
        except PricingError as error:
            _stop(str(error))
    if json:
        typer.echo(json_module.dumps(card.as_dict(), indent=2))
    else:
        from rich.console import Console

        card.show(Console())


@app.command()
def serve(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on.", envvar="CCEI_HOST")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port.", envvar="CCEI_PORT")] = 8000,
    chain: Annotated[
        str, typer.Option("--chain", help="auto, tester, anvil, ganache or URL.", envvar="CCEI_CHAIN")
    ] = "auto",
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="URL",
            help="SQLite URL; a fresh one if not given.",
            envvar="CCEI_DATABASE_URL",
        ),
    ] = None,
) -> None:
    """Serve the market over HTTP; the OpenAPI page is at /docs. Ctrl-C stops it.

    Other settings come from the environment (prefix CCEI_, see docs/reference/settings.md).

    Example: CCEI_OPERATOR_TOKEN=… ccei serve --port 8000
    """
    from api.server import serve_market

    with _told_of_house():
        serve_market(host=host, port=port, chain=chain, database=database, console=_console(quiet=False))


@app.command()
def audit(
    database: Annotated[
        str, typer.Argument(metavar="URL", help="Database of a day or a service, e.g. sqlite:///day.db.")
    ],
) -> None:
    """Check that the record of a market is whole and honest.

    The hash chain holds, the commands replay to the same events, entries sum to zero and the tables agree; the exit
    status is 1 if not.

    Example: ccei audit sqlite:///day-report/day.db
    """
    from rich.console import Console

    from api.auditing import audit_database

    with _told_of_house():
        report = audit_database(database, console=Console())
    if report.findings:
        raise typer.Exit(EXIT_FAILED)


def main() -> None:
    """Run the command line."""
    app()
