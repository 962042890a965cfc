"""Block orders: the story of each rule with exact numbers, then everything against exhaustive enumeration."""

from dataclasses import replace
from random import Random

import pytest

from market.block_orders import Block, Step, StepOrder, flexible_order, simple_order
from market.blocks import clear_blocks, largest_welfare
from market.listing import Allocation
from market.orders import Side
from market.units import PPM_ONE, Malformed
from tests.market.block_enumeration import best_welfare

BUY, SELL = Side.BUY, Side.SELL
LOT, TICK = 1_000_000, 1_000


def a_block(side=SELL, price=10, profile=((1, 10),), **options):
    return Block(side, price, tuple(profile), **options)


def test_a_block_that_would_lose_is_rejected_and_told():
    hourly = [simple_order(BUY, 1, 50, 11), simple_order(BUY, 1, 10, 14)]
    blocks = [a_block(price=5), a_block(price=10, profile=((1, 20),))]
    clearing = clear_blocks(hourly, blocks)
    assert (clearing.prices, clearing.accepted, clearing.paradoxically_rejected) == ((50,), (0,), (1,))
    assert (clearing.step_fills, clearing.block_fills) == ((10, 0), ((10,), (0,)))
    assert (clearing.welfare, clearing.welfare_bound, clearing.optimal, clearing.gap) == (450, 450, True, 0)
    assert (clearing.volumes, clearing.price_rule) == ((10,), "nearest_the_middle")


def test_a_block_gains_in_one_hour_what_it_loses_in_another():
    hourly = [simple_order(BUY, hour, 300, 100) for hour in (1, 2)]
    hourly += [simple_order(SELL, 1, 41, 100), simple_order(SELL, 2, 50, 100)]
    block = a_block(price=45, profile=((1, 10), (2, 10)))
    assert clear_blocks(hourly, [block]).prices == (41, 50)
    assert clear_blocks(hourly, [block]).accepted == (0,)
    dearer = [simple_order(SELL, 1, 39, 100), *hourly[:2], hourly[3]]
    assert clear_blocks(dearer, [block]).accepted == ()


def test_a_child_saves_its_parent_but_no_parent_saves_its_child():
    hourly = [simple_order(BUY, 1, 3000, 999), simple_order(SELL, 1, 100, 1000)]
    parent, child = a_block(price=120, profile=((1, 100),)), a_block(price=75, profile=((1, 100),), parent=0)
    assert clear_blocks(hourly, [parent, child]).accepted == (0, 1)
    assert clear_blocks(hourly, [parent]).accepted == ()
    cheap, dear = replace(parent, price_ticks=75), replace(child, price_ticks=120)
    assert clear_blocks(hourly, [cheap, dear]).accepted == (0,)
    grandchild = a_block(price=50, profile=((1, 100),), parent=1)
    assert clear_blocks(hourly, [cheap, dear, grandchild]).accepted == (0, 1, 2)


def test_of_an_exclusive_group_the_best_is_taken_and_a_flexible_order_goes_to_the_dearest_hour():
    hourly = [simple_order(BUY, hour, 100, 50) for hour in (1, 2, 3)]
    hourly += [simple_order(SELL, hour, price, 60) for hour, price in ((1, 30), (2, 90), (3, 50))]
    clearing = clear_blocks(hourly, flexible_order(SELL, 40, 50, (1, 2, 3), group="f"))
    assert (clearing.accepted, clearing.welfare, clearing.paradoxically_rejected) == ((1,), 9000, ())


def test_a_block_accepted_in_part_is_at_the_money():
    clearing = clear_blocks(
        [simple_order(BUY, 1, 90, 6), simple_order(BUY, 1, 20, 4)], [a_block(price=30, minimum_ppm=500_000)]
    )
    assert (clearing.prices, clearing.block_fills, clearing.welfare) == ((30,), ((6,),), 360)


def test_below_its_minimum_a_block_is_rejected():
    hourly = [simple_order(BUY, 1, 90, 6)]
    assert clear_blocks(hourly, [a_block(price=30, minimum_ppm=700_000)]).accepted == ()


def test_a_step_order_is_accepted_along_its_curve():
    offer = StepOrder(SELL, 1, (Step(10, 4), Step(20, 4), Step(40, 4)))
    clearing = clear_blocks([offer, simple_order(BUY, 1, 30, 6)], [])
    assert (clearing.prices, clearing.step_fills) == ((20,), (6, 6))


@pytest.mark.parametrize(("ties", "fills"), [(Allocation.TIME, (6, 1, 7)), (Allocation.PRO_RATA, (4, 3, 7))])
def test_orders_at_the_price_share_by_time_or_pro_rata(ties, fills):
    hourly = [simple_order(SELL, 1, 10, 6), simple_order(SELL, 1, 10, 6), simple_order(BUY, 1, 30, 7)]
    assert clear_blocks(hourly, [], ties=ties).step_fills == fills


def test_the_price_is_the_middle_of_what_the_hour_allows_or_as_near_as_blocks_let_it_be():
    hourly = [simple_order(BUY, 1, 40, 5), simple_order(SELL, 1, 90, 5)]
    assert clear_blocks(hourly, [a_block(price=10, profile=((1, 5),))]).prices == (40,)
    both = [simple_order(BUY, 1, 40, 5), simple_order(BUY, 1, 20, 5)]
    assert clear_blocks(both, [a_block(price=10, profile=((1, 5),))]).prices == (30,)
    assert clear_blocks(both, [a_block(price=35, profile=((1, 5),))]).prices == (35,)


def test_what_one_price_an_hour_costs_is_the_difference_to_the_largest_welfare():
    hourly = [simple_order(BUY, 1, 300, 10), simple_order(BUY, 1, 10, 14), simple_order(SELL, 1, 100, 13)]
    block = a_block(price=40, profile=((1, 12),), minimum_ppm=916_666)
    assert clear_blocks(hourly, [block]).welfare == 2000
    assert clear_blocks(hourly, [block]).paradoxically_rejected == (0,)
    assert largest_welfare(hourly, [block]) == 2570


def test_a_search_that_is_stopped_says_how_far_it_may_be_from_the_best():
    random = Random(4)
    hourly, blocks = a_market(random, hours=8, orders=300, blocks=120)
    stopped = clear_blocks(hourly, blocks, stop=lambda: True)
    assert stopped.welfare <= clear_blocks(hourly, blocks).welfare <= stopped.welfare_bound


def test_without_orders_there_is_no_price():
    clearing = clear_blocks([], [a_block(), a_block(side=BUY, price=5)])
    assert (clearing.prices, clearing.accepted, clearing.welfare) == ((None,), (), 0)
    assert clear_blocks([], []).hours == ()


@pytest.mark.parametrize(
    ("orders", "blocks", "complaint"),
    [
        ([StepOrder(SELL, 1, ())], [], "step order 0: found no step"),
        ([StepOrder(SELL, 1, (Step(9, 1), Step(8, 1)))], [], "a step at 8 after one at 9, expected the same or a higher"),
        ([StepOrder(BUY, 1, (Step(8, 1), Step(9, 1)))], [], "expected the same or a lower price"),
        ([simple_order(BUY, 1, 5, 0)], [], "step order 0: found 0 lots, expected 1 to"),
        ([simple_order(BUY, 1, 1 << 53, 1)], [], "step order 0: found price 9007199254740992, expected less"),
        ([], [a_block(profile=())], r"block 0: found hours \[\], expected at least one"),
        ([], [a_block(profile=((1, 2), (1, 3)))], r"block 0: found hours \[1, 1\], expected at least one and each once"),
        ([], [a_block(minimum_ppm=PPM_ONE + 1)], "block 0: found a minimum of 1000001 ppm, expected 0 to 1000000"),
        ([], [a_block(parent=3)], "block 0: found parent 3, expected 0 to 0"),
        ([], [a_block(parent=1), a_block(parent=0)], "block 0: found parents .*, expected an end to them"),
    ],
)  # fmt: skip
def test_orders_that_cannot_be_are_malformed(orders, blocks, complaint):
    with pytest.raises(Malformed, match=complaint):
        clear_blocks(orders, blocks)


def test_price_limits_hold_every_order():
    with pytest.raises(
        Malformed, match=r"price limits: found \(0, 5\), expected to hold all orders' from 10 to 10"
    ):
        clear_blocks([], [a_block()], price_limits=(0, 5))


def a_market(random, *, hours, orders, blocks):
    """Return hourly orders about a price of 50 and blocks near it, some linked, in groups or divisible."""
    hourly = []
    for _ in range(orders):
        side = random.choice((BUY, SELL))
        price = round(random.gauss(55 if side is BUY else 47, 18) * 100)
        hourly.append(simple_order(side, random.randint(1, hours), price, 10 * random.randint(1, 90)))
    made = []
    for at in range(blocks):
        start = random.randint(1, hours)
        profile = tuple(
            (hour, 10 * random.randint(5, 80)) for hour in range(start, min(hours, start + 4) + 1)
        )
        kind = random.random()
        made.append(
            Block(
                random.choice((BUY, SELL)),
                round(random.gauss(50, 10) * 100),
                profile,
                minimum_ppm=200_000 if kind < 0.1 else PPM_ONE,
                parent=random.randrange(at) if at and 0.1 <= kind < 0.2 else None,
                group=str(random.randrange(4)) if 0.2 <= kind < 0.3 else None,
            )
        )
    return hourly, made


def test_a_day_of_many_orders_is_cleared_to_the_best_welfare_and_checked():
    hourly, blocks = a_market(Random(1), hours=12, orders=1_500, blocks=150)
    clearing = clear_blocks(hourly, blocks)
    assert clearing.optimal
    assert clearing.welfare <= largest_welfare(hourly, blocks)
    assert clearing.welfare >= clear_blocks(hourly, []).welfare


def a_small_market(seed):
    """Return a few orders in one to three hours; lots and ticks fine enough that whole ones lose nothing that matters."""
    random = Random(seed)
    hours = random.randint(1, 3)
    hourly = []
    for _ in range(random.randint(0, 7)):
        side, hour = random.choice((BUY, SELL)), random.randint(1, hours)
        hourly.append(simple_order(side, hour, TICK * random.randint(0, 12), LOT * random.randint(1, 8)))
    blocks = []
    for at in range(random.randint(1, 5)):
        named = sorted(random.sample(range(1, hours + 1), random.randint(1, hours)))
        blocks.append(
            Block(
                random.choice((BUY, SELL)),
                TICK * random.randint(0, 12),
                tuple((hour, LOT * random.randint(1, 9)) for hour in named),
                minimum_ppm=random.choice((PPM_ONE, PPM_ONE, PPM_ONE, 500_000, 250_000, 0)),
                parent=random.randrange(at) if at and random.random() < 0.3 else None,
                group=random.choice("xy") if random.random() < 0.3 else None,
            )
        )
    return hourly, blocks


def in_units(hourly, blocks):
    """Return the same market with prices and lots as the small numbers that they were made of."""
    steps = [
        replace(each, steps=tuple(Step(price / TICK, lots / LOT) for price, lots in each.steps))
        for each in hourly
    ]
    return steps, [
        replace(each, price_ticks=each.price_ticks / TICK, profile=tuple((h, lots / LOT) for h, lots in each.profile))
        for each in blocks
    ]  # fmt: skip


@pytest.mark.parametrize("seeds", [range(at, at + 20) for at in range(0, 120, 20)])
def test_no_set_of_blocks_that_has_prices_is_better_than_the_one_taken(seeds):
    for seed in seeds:
        hourly, blocks = a_small_market(seed)
        clearing = clear_blocks(hourly, blocks)
        best, _ = best_welfare(*in_units(hourly, blocks))
        found = clearing.welfare / LOT / TICK
        assert clearing.optimal
        assert found == pytest.approx(best, abs=1e-3), f"seed {seed}"


@pytest.mark.parametrize("seed", range(30))
def test_without_prices_the_largest_welfare_is_that_of_the_best_set(seed):
    hourly, blocks = a_small_market(seed)
    best, _ = best_welfare(*in_units(hourly, blocks), priced=False)
    assert largest_welfare(hourly, blocks) / LOT / TICK == pytest.approx(best, abs=1e-3)
