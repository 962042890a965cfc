"""Pure prices: dated figures, base price, load price, and the one door from real numbers to ticks and weights."""
