from market.agenda import NEVER, Agenda


def test_what_is_due_comes_by_its_moment_then_by_its_key() -> None:
    agenda: Agenda[int] = Agenda()
    for moment_us, key in ((30, 1), (10, 9), (30, 0), (10, 2)):
        agenda.note(moment_us, key)
    taken = []
    while (due := agenda.take(30)) is not None:
        taken.append(due)
    assert taken == [(10, 2), (10, 9), (30, 0), (30, 1)]


def test_nothing_is_taken_before_its_moment() -> None:
    agenda: Agenda[bytes] = Agenda()
    assert (agenda.next_us(), agenda.take(NEVER)) == (NEVER, None)
    agenda.note(10, b"a")
    assert (agenda.next_us(), agenda.take(9)) == (10, None)
    assert agenda.take(10) == (10, b"a")
    assert agenda.next_us() == NEVER
