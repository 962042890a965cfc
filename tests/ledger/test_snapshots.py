"""tmp"""

from ledger.database import open_database
from ledger.rebuild import rebuild, recover
from ledger.record import Record
from ledger.snapshots import *
from ledger.snapshotting import Snapshotter
from tests.ledger.days import GENESIS, a_whole_day


def test_x():
    engine = open_database("sqlite://")
    record = Record(engine, GENESIS)
    day = a_whole_day()
    for b, d in day.history[:-3]:
        record.append(b, d.events)
    st = recover(record).standing
    Snapshotter(record, st).take()
    for b, d in day.history[-3:]:
        record.append(b, d.events)
    r = recover(record)
    print(r)
    assert r.seal is not None
    assert r.venue.state_hash() == day.venue.state_hash() == rebuild(record).state_hash()
    assert list(verify_snapshots(record)) == []
