"""Plots that are drawn in a process of their own: the same ones, and what goes wrong there is heard here."""

from typing import Any, cast

import pytest

from api.day.drawing import drawing_aside
from api.day.figures import draw
from tests.api.day.test_report import an_empty_day


def test_plots_drawn_aside_are_those_drawn_here() -> None:
    with drawing_aside() as drawing:
        drawing.begin(an_empty_day())
        assert drawing.plots() == draw(an_empty_day())


def test_what_goes_wrong_aside_is_raised_by_who_wants_the_plots() -> None:
    with drawing_aside() as drawing:
        drawing.begin(cast(Any, "no day"))
        with pytest.raises(AttributeError, match="'str' object"):
            drawing.plots()


def test_there_are_no_plots_of_a_day_that_never_was_begun() -> None:
    with drawing_aside() as drawing, pytest.raises(LookupError, match="found none begun"):
        drawing.plots()
