"""The range of the figures that competition computes with."""

FIGURE_MAX = 1e100
FIGURE_MIN = 1 / FIGURE_MAX
"""Of what is divided by. Within both, no product of three of them, and no ratio, leaves the finite floats."""
