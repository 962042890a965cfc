"""What waits for the writer: in the order of arrival, cut into batches, answered when the last of a submission is."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from api.arrivals import Arrivals
from market.orders import Address, CancelOrder, Command
from market.units import InvariantBroken


def cancels(first: int, count: int) -> list[CancelOrder]:
    return [CancelOrder(Address(bytes(20)), number) for number in range(first, first + count)]


def numbers(batch: list[Command]) -> list[int]:
    return [command.order_id for command in batch if isinstance(command, CancelOrder)]


def run(story: Callable[[Arrivals[int]], Awaitable[None]]) -> None:
    async def told() -> None:
        await story(Arrivals())

    asyncio.run(told())


def test_a_submission_that_is_cut_in_two_is_answered_after_its_second_batch() -> None:
    async def story(arrivals: Arrivals[int]) -> None:
        first, second = arrivals.put(cancels(1, 2)), arrivals.put(cancels(3, 3))
        assert len(arrivals) == 5
        batch = await arrivals.next_batch(most=3, within_s=1)
        assert (numbers(batch), len(arrivals)) == ([1, 2, 3], 2)
        arrivals.answer([10, 20, 30])
        assert await first == [10, 20]
        assert not second.done()
        assert numbers(await arrivals.next_batch(most=3, within_s=1)) == [4, 5]
        arrivals.answer([40, 50])
        assert await second == [30, 40, 50]

    run(story)


def test_a_submission_may_fill_several_batches() -> None:
    async def story(arrivals: Arrivals[int]) -> None:
        answered = arrivals.put(cancels(0, 10))
        while batch := await arrivals.next_batch(most=4, within_s=0):
            arrivals.answer(numbers(batch))
        assert await answered == list(range(10))

    run(story)


def test_who_is_on_the_way_in_comes_along() -> None:
    async def story(arrivals: Arrivals[int]) -> None:
        async def enter(number: int, *, turns: int) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            arrivals.put(cancels(number, 1))

        entering = [asyncio.create_task(enter(number, turns=number)) for number in range(4)]
        assert numbers(await arrivals.next_batch(most=3, within_s=1)) == [0, 1, 2]
        await asyncio.gather(*entering)
        assert numbers(await arrivals.next_batch(most=3, within_s=1)) == [3]

    run(story)


def test_nothing_comes_of_waiting_for_nobody() -> None:
    async def story(arrivals: Arrivals[int]) -> None:
        assert await arrivals.next_batch(most=3, within_s=0.001) == []

    run(story)


def test_who_went_away_is_not_answered_and_his_commands_stay() -> None:
    async def story(arrivals: Arrivals[int]) -> None:
        gone, stays = arrivals.put(cancels(1, 1)), arrivals.put(cancels(2, 1))
        gone.cancel()
        assert numbers(await arrivals.next_batch(most=3, within_s=1)) == [1, 2]
        arrivals.answer([10, 20])
        assert await stays == [20]

    run(story)


@pytest.mark.parametrize("count", [1, 3])
def test_each_command_has_an_answer_and_no_other(count: int) -> None:
    async def story(arrivals: Arrivals[int]) -> None:
        answered = arrivals.put(cancels(1, 2))
        await arrivals.next_batch(most=3, within_s=1)
        with pytest.raises(InvariantBroken, match=f"found {count} answers, expected 2"):
            arrivals.answer(list(range(count)))
        assert not answered.done()

    run(story)


def test_nobody_waits_after_the_end() -> None:
    async def story(arrivals: Arrivals[int]) -> None:
        taken, cut, waiting = (arrivals.put(cancels(1, 2)) for _ in range(3))
        await arrivals.next_batch(most=3, within_s=1)
        arrivals.cancel()
        assert len(arrivals) == 0
        for answered in (taken, cut, waiting):
            with pytest.raises(asyncio.CancelledError):
                await answered

    run(story)


def test_they_come_in_one_loop_and_then_in_another() -> None:
    arrivals: Arrivals[int] = Arrivals()

    async def story() -> list[int]:
        waiting = asyncio.create_task(arrivals.next_batch(most=1, within_s=1))
        await asyncio.sleep(0)
        arrivals.put(cancels(1, 1))
        return numbers(await waiting)

    async def nobody() -> None:
        waiting = asyncio.create_task(arrivals.next_batch(most=1, within_s=60))
        await asyncio.sleep(0)
        waiting.cancel()

    assert asyncio.run(story()) == [1]
    asyncio.run(nobody())
    assert asyncio.run(story()) == [1]
