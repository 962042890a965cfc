"""Internal prices of energy sharing without bargaining: posted between the grid's prices, by supply over demand."""

from dataclasses import dataclass

from pricing.errors import LARGEST, PricingError, number


@dataclass(frozen=True, slots=True)
class SharingPrices:
    """What prosumers are paid (`sell`) and pay (`buy`) inside, in dollars per unit·hour."""

    sell: float
    buy: float


def ratio_prices(ratio: float, *, grid_buy: float, grid_sell: float) -> SharingPrices:
    """Return the prices at a supply–demand ratio R: 1/p_sell linear in R, the community's budget balanced with the grid.

        p_sell = λ_s λ_b / ((λ_b − λ_s) R + λ_s),  p_buy = R p_sell + (1 − R) λ_b  for R <= 1, and both λ_s above

    λ_b is what the grid charges (`grid_buy`), λ_s what it pays (`grid_sell`), 0 <= λ_s <= λ_b. With no supply both prices
    are λ_b. Source: Liu et al., IEEE Transactions on Power Systems 32 (2017).

    >>> ratio_prices(0.5, grid_buy=1.0, grid_sell=0.25)
    SharingPrices(sell=0.4, buy=0.7)

    Raises:
        PricingError: if the ratio is negative, or the grid pays more than it charges.
    """
    charged, paid = _tariff(grid_buy, grid_sell)
    ratio = min(1.0, number("ratio", ratio, low=0))
    sell = paid * charged / ((charged - paid) * ratio + paid) if ratio > 0 else charged
    return SharingPrices(sell=sell, buy=ratio * sell + (1 - ratio) * charged)


def supply_demand_prices(supply: float, demand: float, *, grid_buy: float, grid_sell: float) -> SharingPrices:
    """Return `ratio_prices` of R = supply / demand, what prosumers have left over and what they lack, in unit·hours.

    Without demand everything left over goes to the grid, at its price.

    >>> supply_demand_prices(6, 12, grid_buy=1.0, grid_sell=0.25)
    SharingPrices(sell=0.4, buy=0.7)

    Raises:
        PricingError: if a quantity is negative, or the grid pays more than it charges.
    """
    supply, demand = _quantities(supply, demand)
    return ratio_prices(1.0 if supply >= demand else supply / demand, grid_buy=grid_buy, grid_sell=grid_sell)


def mid_market_prices(supply: float, demand: float, *, grid_buy: float, grid_sell: float) -> SharingPrices:
    """Return the mid-market rate p = (λ_b + λ_s) / 2, and who is on the longer side shares the grid's price for the rest.

        D > S:  p_sell = p,  p_buy = (S p + (D − S) λ_b) / D        S > D:  p_buy = p,  p_sell = (D p + (S − D) λ_s) / S

    Source: Long et al., "Peer-to-peer energy trading in a community microgrid", IEEE PES General Meeting 2017.

    >>> mid_market_prices(6, 12, grid_buy=1.0, grid_sell=0.25)
    SharingPrices(sell=0.625, buy=0.8125)

    Raises:
        PricingError: if a quantity is negative, or the grid pays more than it charges.
    """
    charged, paid = _tariff(grid_buy, grid_sell)
    supply, demand = _quantities(supply, demand)
    middle = (charged + paid) / 2
    if demand > supply:
        return SharingPrices(sell=middle, buy=(supply * middle + (demand - supply) * charged) / demand)
    if supply > demand:
        return SharingPrices(sell=(demand * middle + (supply - demand) * paid) / supply, buy=middle)
    return SharingPrices(sell=middle, buy=middle)


def _tariff(grid_buy: float, grid_sell: float) -> tuple[float, float]:
    charged = number("grid_buy", grid_buy, low=0, high=LARGEST, open_low=True)
    paid = number("grid_sell", grid_sell, low=0)
    if paid > charged:
        raise PricingError(
            f"grid_sell: found {grid_sell}, expected at most what the grid charges, {grid_buy}"
        )
    return charged, paid


def _quantities(supply: float, demand: float) -> tuple[float, float]:
    return number("supply", supply, low=0, high=LARGEST), number("demand", demand, low=0, high=LARGEST)
