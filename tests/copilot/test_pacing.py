"""The pace of calls, on a clock that jumps."""

from contextlib import AsyncExitStack

import pytest
import trio
import trio.testing

from passenger_trio.config import Copilot
from passenger_trio.copilot.halting import Halt
from passenger_trio.copilot.pacing import Pace
from passenger_trio.errors import Stopping


async def starts(pace: Pace, count: int, *, lasting: float = 0.0, calls: int = 1) -> list[tuple[int, float]]:
    """Who begins when, of ``count`` requests that come at the same time, each with so many calls."""
    begun: list[tuple[int, float]] = []
    first = trio.current_time()

    async def request(number: int) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(calls):
                await pace.wait(stack)
                begun.append((number, round(trio.current_time() - first, 3)))
                await trio.sleep(lasting)

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(request, number)
            await trio.testing.wait_all_tasks_blocked()
    return sorted(begun, key=lambda one: (one[1], one[0]))  # whoever runs first of those that are woken together


async def test_without_a_configuration_nobody_waits(autojump_clock: trio.testing.MockClock) -> None:
    assert await starts(Pace(Copilot()), 3, lasting=9.0) == [(0, 0.0), (1, 0.0), (2, 0.0)]


async def test_the_first_to_come_is_the_first_to_begin(autojump_clock: trio.testing.MockClock) -> None:
    begun = await starts(Pace(Copilot(max_concurrent=2)), 5, lasting=10.0)

    assert begun == [(0, 0.0), (1, 0.0), (2, 10.0), (3, 10.0), (4, 20.0)]


async def test_the_interval_is_between_beginnings_of_calls_whoever_makes_them(
    autojump_clock: trio.testing.MockClock,
) -> None:
    assert [at for _, at in await starts(Pace(Copilot(min_interval=2.0)), 2, calls=2)] == [0.0, 2.0, 4.0, 6.0]


async def test_one_that_is_cancelled_leaves_no_gap(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace(Copilot(min_interval=10.0))
    begun: list[float] = []

    async def request(patience: float) -> None:
        with trio.move_on_after(patience):
            async with AsyncExitStack() as stack:
                await pace.wait(stack)
                begun.append(trio.current_time())

    origin = trio.current_time()
    async with trio.open_nursery() as nursery:
        for patience in (100.0, 5.0, 100.0):
            nursery.start_soon(request, patience)
            await trio.testing.wait_all_tasks_blocked()

    assert [round(at - origin) for at in begun] == [0, 10]


async def test_a_wider_pace_lets_in_who_waits_already(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace(Copilot(max_concurrent=1))

    async def widen() -> None:
        await trio.sleep(3)
        pace.settle(Copilot(max_concurrent=3))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(widen)
        begun = await starts(pace, 3, lasting=10.0)

    assert begun == [(0, 0.0), (1, 3.0), (2, 3.0)]


@pytest.mark.parametrize("interval, expected", [(0.0, [0, 3, 3]), (5.0, [0, 5, 10]), (2.0, [0, 3, 5])])
async def test_a_shorter_interval_lets_in_who_waits_already(
    autojump_clock: trio.testing.MockClock, interval: float, expected: list[float]
) -> None:
    pace = Pace(Copilot(min_interval=3600.0))

    async def shorten() -> None:
        await trio.sleep(3)
        pace.settle(Copilot(min_interval=interval))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(shorten)
        begun = await starts(pace, 3)

    assert [at for _, at in begun] == expected


async def test_a_longer_interval_keeps_who_waits_already(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace(Copilot(min_interval=5.0))

    async def lengthen() -> None:
        await trio.sleep(3)
        pace.settle(Copilot(min_interval=20.0))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lengthen)
        begun = await starts(pace, 3)

    assert [at for _, at in begun] == [0, 20, 40]


async def test_a_halt_ends_what_waits_and_what_begins_to_wait(autojump_clock: trio.testing.MockClock) -> None:
    halt = Halt()
    ended: list[float] = []

    async def wait() -> None:
        with pytest.raises(Stopping, match="being stopped"), halt.heeded():
            await trio.sleep_forever()
        ended.append(trio.current_time())

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await trio.sleep(5)
        halt.now()
        nursery.start_soon(wait)

    assert [round(at - began) for at in ended] == [5, 5, 5]


async def test_who_heeds_a_halt_can_still_be_cancelled_by_others(autojump_clock: trio.testing.MockClock) -> None:
    halt = Halt()
    with trio.move_on_after(2) as scope, halt.heeded():
        await trio.sleep_forever()

    assert scope.cancelled_caught
