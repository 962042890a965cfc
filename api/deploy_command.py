"""The command that puts a market's contracts on a chain: ccei deploy."""

from pathlib import Path
from typing import Annotated

import typer

from api import exit_status
from api.terminal import JsonOption, print_found, progress_console, stop, told_of_house


def deploy(
    chain: Annotated[
        str | None,
        typer.Option(
            "--chain", metavar="URL", help="The chain's node.", envvar="CCEI_CHAIN", show_default=False
        ),
    ] = None,
    chain_id: Annotated[
        int | None, typer.Option("--chain-id", help="Insist on this chain id.", show_default=False)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Simulate every transaction there, and send none.")
    ] = False,
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="ADDRESS", help="What is paid with, for good.", show_default=False),
    ] = None,
    test_token: Annotated[
        bool, typer.Option("--test-token", help="Deploy test money, which the operator mints.")
    ] = False,
    unlisted: Annotated[
        bool,
        typer.Option(
            "--unlisted-token-at-my-own-risk", help="Take a token that contracts/tokens.toml does not list."
        ),
    ] = False,
    guardian: Annotated[
        str | None,
        typer.Option("--guardian", metavar="ADDRESS", help="Who may pause new batches.", show_default=False),
    ] = None,
    fee_recipient: Annotated[
        str | None,
        typer.Option("--fee-recipient", metavar="ADDRESS", help="Who earns the fees.", show_default=False),
    ] = None,
    arbiter: Annotated[
        str | None,
        typer.Option("--arbiter", metavar="ADDRESS", help="Who rules on claims.", show_default=False),
    ] = None,
    notice_period: Annotated[
        int, typer.Option("--notice-period", min=1, help="Seconds of notice for exits and cancels.")
    ] = 3600,
    reading_window: Annotated[
        int, typer.Option("--reading-window", min=1, help="Seconds in which meters may report.")
    ] = 3600,
    challenge_window: Annotated[
        int, typer.Option("--challenge-window", min=1, help="Seconds for late readings and claims.")
    ] = 1_800,
    ruling_window: Annotated[
        int, typer.Option("--ruling-window", min=1, help="Seconds in which the arbiter may rule.")
    ] = 86_400,
    rescue_window: Annotated[
        int, typer.Option("--rescue-window", min=1, help="Seconds in which a buyer may call a fallback.")
    ] = 7_200,
    delivery_window: Annotated[
        int,
        typer.Option("--delivery-window", min=1, help="Seconds from a standby call to its hour, at most."),
    ] = 172_800,
    bond_rate_ppm: Annotated[
        int, typer.Option("--bond-rate-ppm", min=0, max=1_000_000, help="A claim's bond, of the payment.")
    ] = 50_000,
    excuse_most_ppm: Annotated[
        int, typer.Option("--excuse-most-ppm", min=0, max=1_000_000, help="Most that force majeure excuses.")
    ] = 500_000,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="Where it is written what stands where; deployment-CHAINID.json if not given.",
            show_default=False,
        ),
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option(
            "--verify",
            metavar="FILE",
            help="Compare the chain with this file and the artifacts; send nothing.",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Put a market's contracts on an EVM chain, or only rehearse it.

    Everything is looked at before anything is sent: the token's decimals and transfers, each contract's size, gas and
    future address, the operator's coin. Then the contracts are created one by one, and in the end the code on the chain
    is compared with the artifacts byte by byte. What is given here nobody can change afterwards.

    CCEI_OPERATOR_KEY signs; a development node lends its own. Guardian, fee recipient and arbiter are the operator
    unless named. The file is written before each transaction: after a crash the same command goes on where it stopped.
    CCEI_DEPLOYMENT tells ccei serve to settle there.

    \b
    A token must have six decimals, take no fee and be on the reviewed list; --test-token needs none of it.

    Example: ccei deploy --chain http://127.0.0.1:8545 --test-token --dry-run

    Example: ccei deploy --chain https://node.example --token 0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913

    Example: ccei deploy --chain https://node.example --verify deployment-8453.json
    """
    from api.deploying import Asked, address_of, found_market, prepare, read_file, show_verified
    from api.operator_key import operator_key
    from api.settings import Settings
    from contracts.deploying import verify as verify_on
    from contracts.guarantee import Rules
    from contracts.opening import OWN_CHAINS, open_chain
    from contracts.rehearsal import Undeployable
    from market.units import Ppm

    console = progress_console(quiet=json)
    if chain is None:
        stop("--chain: found none, expected the address of an EVM node, such as http://127.0.0.1:8545")
    if verify is None and (token is None) != test_token:
        stop("--token, --test-token: found both or neither, expected one of them")
    if chain in OWN_CHAINS and not dry_run:
        stop(f"--chain: found {chain}, which ends with this command; expected an address, or --dry-run")
    with told_of_house():
        try:
            key = operator_key(Settings(chain=chain, chain_id=chain_id))
            if verify is not None:
                written = read_file(verify)
                with open_chain(
                    chain, start_time_s=None, operator_key=key or _NOBODY, expected_chain_id=chain_id
                ) as opened:
                    verify_on(opened, written)
                    show_verified(opened, written, console)
                    console.print(f"Verified: {len(written.plan.steps)} contracts are those of {verify}.")
                return
            asked = Asked(
                token=address_of("--token", token),
                unlisted_token=unlisted,
                guardian=address_of("--guardian", guardian),
                fee_recipient=address_of("--fee-recipient", fee_recipient),
                notice_period_s=notice_period,
                reading_window_s=reading_window,
                rules=Rules(
                    arbiter=address_of("--arbiter", arbiter),
                    challenge_window_s=challenge_window,
                    ruling_window_s=ruling_window,
                    rescue_window_s=rescue_window,
                    bond_rate=Ppm(bond_rate_ppm),
                    excuse_most=Ppm(excuse_most_ppm),
                ),
                delivery_window_s=delivery_window,
            )
            with open_chain(chain, start_time_s=None, operator_key=key, expected_chain_id=chain_id) as opened:
                path = file or Path(f"deployment-{opened.chain_id}.json")
                prepared = prepare(opened, asked, read_file(path) if path.exists() else None)
                print_found(prepared, json=json)
                if dry_run:
                    console.print("Nothing was sent.")
                    return
                found_market(
                    opened,
                    prepared,
                    path,
                    lambda step, done: console.print(
                        f"{step.name} stands at 0x{step.address.hex()}, block {done.block_number:,}, "
                        f"{done.gas_used:,} gas"
                    ),
                )
                console.print(
                    f"Verified. {path} says what stands where; CCEI_DEPLOYMENT={path} ccei serve uses it."
                )
        except Undeployable as error:
            stop(str(error), status=exit_status.FAILED if verify is not None else exit_status.BAD_INPUT)


_NOBODY = b"\x01" * 32
"""A key that needs no secret: verifying signs nothing, and a chain is opened with one."""
