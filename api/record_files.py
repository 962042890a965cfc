"""Records and proofs in files: what `ccei record` and `ccei proof` do."""

from pathlib import Path

from rich.console import Console

from api.auditing import chain_values
from api.deploying import address_of
from api.terminal import passing_bars
from api.whole_file import whole_binary_file
from contracts.deployment import attach
from contracts.opening import open_for_reading
from ledger.database import open_database
from ledger.headers import Headers
from ledger.inclusion import NotProven, Unprovable, find_order, prove, read_proof, verify, write_proof
from ledger.portable import RecordFile, import_record, write_record
from ledger.record import RecordReader
from ledger.unusable import named
from market.sessions import MICROS_PER_SECOND, moment_of
from market.units import Malformed


def export_to(url: str, file: Path, *, console: Console) -> None:
    """Write the record of a database into a file.

    Raises:
        DatabaseUnusable, WrongMarket, BrokenChain, Unwritable: if there is none, it is broken, or cannot be written.
    """
    engine = open_database(url, must_exist=True)
    try:
        record = RecordReader(engine)
        with whole_binary_file(file) as out, passing_bars(console) as bars:
            bar = bars.add_task("exporting rows", total=record.head()[0])
            rows = write_record(record, out, progress=lambda number: bars.update(bar, completed=number))
    finally:
        engine.dispose()
    console.print(f"{file}: {rows:,} rows of {record.genesis}", markup=False, soft_wrap=True)


def import_to(file: Path, url: str, *, console: Console) -> None:
    """Put the record of a file into a database.

    Raises:
        NoRecordFile, BrokenChain, OSError: if the file is none, or broken.
        DatabaseUnusable, RecordInUse: if the database has a market, another writer, or cannot be written.
    """
    record = RecordFile(file)
    engine = open_database(url)
    try:
        with passing_bars(console) as bars:
            bar = bars.add_task("importing rows", total=None)
            rows = import_record(record, engine, progress=lambda number: bars.update(bar, completed=number))
    finally:
        engine.dispose()
    console.print(f"{named(engine.url)}: {rows:,} rows of {record.genesis}", markup=False, soft_wrap=True)


def make_proof(url: str, order_id: int, file: Path, *, chain: str | None, console: Console) -> None:
    """Write the proof that an order was taken in.

    Raises:
        DatabaseUnusable, WrongMarket, ChainUnavailable: if record or chain are not there.
        Malformed: if it cannot be proven, with the reason.
    """
    engine = open_database(url, must_exist=True)
    try:
        record = RecordReader(engine)
        taken_in = find_order(engine, order_id)
        if taken_in is None:
            raise Malformed(
                f"order {order_id}: found no such order in the readable tables of {named(engine.url)}"
            )
        known = None if chain is None else frozenset(chain_values(chain, record.genesis).record_hashes)
        try:
            proof = prove(Headers(record), order_id, number=taken_in.number, known=known)
        except Unprovable as error:
            raise Malformed(str(error)) from None
    finally:
        engine.dispose()
    with whole_binary_file(file) as out:
        out.write(write_proof(proof))
    console.print(
        f"{file}: order {order_id} in row {taken_in.number}, {len(proof.headers):,} headers, leads to the record hash "
        f"0x{proof.hash.hex()}",
        markup=False,
        soft_wrap=True,
    )


def check_proof(
    file: Path, *, record_hash: str | None, chain: str | None, settlement: str | None, console: Console
) -> bool:
    """Check a proof, print what it proves, and return whether it holds.

    Raises:
        Malformed, OSError: if the file is no proof, or an option does not fit.
        ChainUnavailable: if the chain or the contract is not there.
    """
    try:
        proof = read_proof(file.read_bytes())
    except Malformed as error:
        raise Malformed(f"{file}: {error}; expected what ccei proof make writes") from None
    try:
        included = verify(proof, proof.hash)
        if record_hash is not None and _hash(record_hash) != proof.hash:
            raise NotProven(f"it leads to the record hash 0x{proof.hash.hex()}, expected {record_hash}")
        if chain is not None and proof.hash not in _hashes_on(chain, settlement):
            raise NotProven(
                f"it leads to the record hash 0x{proof.hash.hex()}, which no settlement batch of {settlement} carries"
            )
    except NotProven as error:
        console.print(f"Not proven: {error}", style="red", markup=False, soft_wrap=True)
        return False
    terms = included.command.terms
    taken_in = moment_of(included.time_us // MICROS_PER_SECOND)
    known = (
        "which the chain carries"
        if chain
        else "as you know it"
        if record_hash
        else "which you have to compare"
    )
    console.print(
        f"Proven: order {included.event.order_id} of 0x{terms.participant.hex()} (client order id "
        f"{terms.client_order_id}) was taken in by row {included.number}, at {taken_in}; its proof "
        f"leads to the record hash 0x{proof.hash.hex()}, {known}.",
        soft_wrap=True,
        highlight=False,
    )
    return True


def _hash(text: str) -> bytes:
    try:
        found = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        found = b""
    if len(found) != 32:
        raise Malformed(f"--hash: found {text!r}, expected 0x and 64 hex digits")
    return found


def _hashes_on(url: str, settlement: str | None) -> tuple[bytes, ...]:
    address = address_of("--settlement", settlement)
    if address is None:
        raise Malformed("--chain: found no --settlement, expected the address of the market's contract")
    with open_for_reading(url) as chain:
        deployment = attach(chain, address)
        return deployment.settlement.record_hashes(chain, from_block=deployment.block_number)
