"""What campaigns tell: how far they are while they run for minutes, and, below all tests, what each of them counted."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

import pytest

EVERY_S = 30
PROPERTY = "campaign"

Case = TypeVar("Case")


class Tally:
    """What one campaign went through."""

    def __init__(
        self,
        record: Callable[[str, str], None],
        shown: Callable[[], AbstractContextManager[None]] | None,
    ) -> None:
        """Hand what was counted to `record`; show how far it is within `shown`, or not at all."""
        self._record, self._shown = record, shown
        self._began = self._told = time.monotonic()

    def counts(self, name: str, counts: Mapping[str, int]) -> None:
        """Tell what was counted, in the order given."""
        self.line(f"{name}: " + ", ".join(f"{count:,} {what}" for what, count in counts.items()))

    def line(self, text: str) -> None:
        """Tell what was counted, in words."""
        self._record(PROPERTY, text)

    def through(self, cases: Sequence[Case]) -> Iterator[Case]:
        """Yield each case, and show now and then how many are behind."""
        for done, case in enumerate(cases):
            self.reach(done, len(cases))
            yield case

    def reach(self, done: int, total: int) -> None:
        """Show how far the campaign is, unless that was shown a moment ago."""
        now = time.monotonic()
        if self._shown is None or done == 0 or now - self._told < EVERY_S:
            return
        self._told = now
        left_min = (now - self._began) * (total - done) / done / 60
        with self._shown():
            sys.stderr.write(f"\n{done:,} of {total:,} ({done / total:.0%}), {left_min:.0f} min left")
            sys.stderr.flush()


@pytest.fixture
def tally(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Tally:
    """Take what a campaign tells. How far it is shows only where one process runs all tests, as `make soak` does."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    alone = not hasattr(request.config, "workerinput") and capture is not None
    return Tally(record_property, capture.global_and_fixture_disabled if alone else None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print below all tests what the campaigns counted."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    lines = [
        text
        for report in reports
        if report.when == "call"
        for name, text in report.user_properties
        if name == PROPERTY
    ]
    if lines:
        terminalreporter.section("campaigns")
        for line in sorted(lines):
            terminalreporter.line(line)
