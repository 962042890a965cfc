"""The command line: ccei --help. Heavy libraries are imported by the command that needs them, so that help is instant."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api import exit_status
from api.audit_commands import audit, proof, record
from api.backup_commands import backup, restore
from api.books_commands import export, statement
from api.deploy_command import deploy
from api.pricing_commands import bargain, clear, price
from api.terminal import JsonOption, progress_console, stop, told, told_of_house

if TYPE_CHECKING:
    from datetime import date

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
    str | None, typer.Option("--database", metavar="URL", help="sqlite:///day.db or postgresql://….")
]
OutOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Where report.html and summary.json are written.")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same day, same state hash.")]


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
        stop(f"--day: found {text!r}, expected a date such as 2022-02-15")


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

    from api.day.drawing import drawing_aside
    from api.day.report import write_report
    from api.day.run import DayFailed, run_day
    from api.day.scenario import load_scenario
    from api.day.summary import print_summary, summary, write_summary
    from api.whole_file import new_folder

    console = progress_console(quiet=json)
    delivery_day = _day(day)
    with told_of_house():
        loaded = load_scenario(scenario, energy=energy, day=delivery_day, workload=workload, network=network)
        with new_folder(out), drawing_aside() as drawing:
            try:
                result = run_day(
                    loaded,
                    seed=seed,
                    chain=chain,
                    chain_id=chain_id,
                    database=database or f"sqlite:///{out / 'day.db'}",
                    fresh_database=database is None,
                    console=console,
                    ended=drawing.begin,
                )
            except DayFailed as error:
                stop(str(error), status=exit_status.FAILED)
            with console.status("writing the report"):
                write_summary(result, out / "summary.json")
                write_report(result, drawing.plots(), out / "report.html")
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

    console = progress_console(quiet=json)
    with told():
        replayed = replay(flow, trades, write_trades=not json or trades is not None, console=console)
    if json:
        typer.echo(json_module.dumps(replayed.as_dict()))
    else:
        replayed.show(console)


app.command()(clear)
app.command()(bargain)
app.command()(price)


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
            help="sqlite:///… or postgresql://…; a fresh file if not given.",
            envvar="CCEI_DATABASE_URL",
        ),
    ] = None,
) -> None:
    """Serve the market over HTTP; the OpenAPI page is at /docs. Ctrl-C stops it.

    Other settings come from the environment (prefix CCEI_, see docs/reference/settings.md).

    Example: CCEI_OPERATOR_TOKEN=… ccei serve --port 8000
    """
    from api.server import serve_market

    with told_of_house():
        serve_market(
            host=host, port=port, chain=chain, database=database, console=progress_console(quiet=False)
        )


app.command()(deploy)
app.command()(backup)
app.command()(restore)


app.command()(audit)
app.add_typer(record)
app.add_typer(proof)


app.command()(statement)
app.command()(export)


@app.command("rebuild")
def rebuild_tables(
    database: Annotated[
        str, typer.Argument(metavar="URL", help="Database of a stopped market, e.g. sqlite:///market.db.")
    ],
) -> None:
    """Make the readable tables again from the record.

    Brings a database of an earlier version forward first. The record itself is not changed, and no market may run on it
    meanwhile.

    Example: ccei rebuild sqlite:///market.db
    """
    from api.rebuilding import rebuild_database

    with told_of_house():
        venue = rebuild_database(database, console=progress_console(quiet=False))
    typer.echo(f"batches     {venue.number:,}\nstate hash  {venue.state_hash().hex()}")


def main() -> None:
    """Run the command line."""
    app()
