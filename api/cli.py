"""The command line: `ccei --help`. Heavy libraries are imported by the command that needs them, so that help is instant."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from datetime import date

    from rich.console import Console

EXIT_BAD_INPUT = 2

app = typer.Typer(
    name="ccei",
    help="One market for compute, network and energy: offered, matched, priced, guaranteed and settled together.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

ChainOption = Annotated[
    str,
    typer.Option(
        "--chain",
        metavar="auto|tester|anvil|ganache|URL",
        help="Where trades settle: `auto` starts Anvil if its binary is there, else the in-process chain.",
    ),
]
DatabaseOption = Annotated[
    str | None, typer.Option("--database", metavar="URL", help="SQLite URL, e.g. `sqlite:///day.db`.")
]
OutOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Where report.html and summary.json are written.")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same day, same state hash.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
FileArgument = typer.Argument(exists=False, metavar="FILE.csv", show_default=False)


def _stop(message: str) -> NoReturn:
    typer.secho(f"ccei: {message}", err=True, fg=typer.colors.RED)
    raise typer.Exit(EXIT_BAD_INPUT)


def _console(*, quiet: bool) -> "Console":
    from rich.console import Console

    return Console(stderr=True, quiet=quiet)


@app.command()
def demo(
    seed: SeedOption = 1,
    chain: ChainOption = "tester",
    database: DatabaseOption = None,
    out: OutOption = Path("day-report"),
    json: JsonOption = False,
) -> None:
    """Run the built-in market day: a Californian day of 2022 on the in-process chain.

    Example: `ccei demo --chain anvil --out day-report`
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
    """Run a market day: offers and bids, auction, order book, delivery, settlement on chain, books, report.

    Example: `ccei market-day --energy CISO.csv --day 2022-02-15 --workload conv.csv --chain anvil`

    With `--chain URL` the operator's key is read from CCEI_OPERATOR_KEY (not needed on a development node).
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

    from api.day.inputs import InputError
    from api.day.report import write_report
    from api.day.run import DayFailed, run_day
    from api.day.scenario import ScenarioError, load_scenario
    from api.day.summary import print_summary, summary, write_summary
    from contracts.chain import ChainUnavailable
    from ledger.database import DatabaseUnusable
    from ledger.record import RecordInUse, WrongMarket

    console = _console(quiet=json)
    try:
        delivery_day = _day(day)
        loaded = load_scenario(scenario, energy=energy, day=delivery_day, workload=workload, network=network)
        out.mkdir(parents=True, exist_ok=True)
        result = run_day(
            loaded,
            seed=seed,
            chain=chain,
            chain_id=chain_id,
            database=database or f"sqlite:///{out / 'day.db'}",
            fresh_database=database is None,
            console=console,
        )
    except (
        InputError,
        ScenarioError,
        ChainUnavailable,
        DatabaseUnusable,
        RecordInUse,
        WrongMarket,
        DayFailed,
        OSError,
    ) as error:
        _stop(str(error))
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
    """Replay an order flow through one book with strict price-time priority.

    Columns: `action` (new, cancel, replace), `order_id`, `side` (buy, sell), `type` (limit, market),
    `tif` (gtc, ioc, fok), `price`, `quantity` (up to six decimals), and if you like `participant`, `post_only`, `timestamp`.
    Trades come out as `taker_order_id,maker_order_id,price,quantity`: to `--trades`, else to standard output.

    Example: `ccei match flow.csv --trades trades.csv`
    """
    import json as json_module

    from api.day.inputs import InputError
    from api.flows import replay

    console = _console(quiet=json)
    try:
        replayed = replay(flow, trades, write_trades=not json or trades is not None, console=console)
    except (InputError, OSError) as error:
        _stop(str(error))
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
        str, typer.Option("--mechanism", metavar="uniform|pay-as-bid", help="How prices are set.")
    ] = "uniform",
    json: JsonOption = False,
) -> None:
    """Clear one call auction: price, volume, allocation, welfare.

    Columns: `side` (buy, sell), `price`, `quantity` (decimals), `participant`.

    Example: `ccei clear bids.csv --mechanism uniform`
    """
    import json as json_module

    from api.clearing import UnknownMechanism, clear_file
    from api.day.inputs import InputError

    try:
        cleared = clear_file(bids, mechanism)
    except (InputError, UnknownMechanism, OSError) as error:
        _stop(str(error))
    if json:
        typer.echo(json_module.dumps(cleared.as_dict(), indent=2))
    else:
        from rich.console import Console

        cleared.show(Console())


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

    Example: `CCEI_OPERATOR_TOKEN=… ccei serve --port 8000`
    """
    from pydantic import ValidationError

    from api.day.inputs import InputError
    from api.server import serve_market
    from contracts.chain import ChainUnavailable
    from ledger.database import DatabaseUnusable
    from ledger.record import BrokenChain, RecordInUse, WrongMarket

    try:
        serve_market(host=host, port=port, chain=chain, database=database, console=_console(quiet=False))
    except ValidationError as error:
        _stop(
            "; ".join(
                f"CCEI_{item['loc'][0] if item['loc'] else 'settings'}: {item['msg']}"
                for item in error.errors()
            )
        )
    except (
        InputError,
        ChainUnavailable,
        DatabaseUnusable,
        RecordInUse,
        WrongMarket,
        BrokenChain,
        OSError,
    ) as error:
        _stop(str(error))


@app.command()
def audit(
    database: Annotated[
        str, typer.Argument(metavar="URL", help="Database of a day or a service, e.g. sqlite:///day.db.")
    ],
) -> None:
    """Check a record: hash chain, replayed matching, entries that sum to zero, tables that agree. Exit 1 on a finding.

    Example: `ccei audit sqlite:///day-report/day.db`
    """
    from api.auditing import audit_database
    from ledger.database import DatabaseUnusable
    from ledger.record import WrongMarket

    try:
        report = audit_database(database, console=_console(quiet=False))
    except (DatabaseUnusable, WrongMarket) as error:
        _stop(str(error))
    if report.findings:
        raise typer.Exit(1)


def main() -> None:
    """Run the command line."""
    app()
