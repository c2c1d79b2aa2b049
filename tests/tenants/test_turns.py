"""What is looked at once in a turn of the event loop is never older than what was awaited."""

import asyncio

from tenants.turns import Turn


async def test_it_is_looked_at_once_in_a_turn() -> None:
    """The second look of a turn is none; after whatever was awaited there is another."""
    turn = Turn()

    assert [turn.is_over(), turn.is_over()] == [True, False]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [turn.is_over(), turn.is_over()] == [True, False]


async def test_what_a_thread_has_done_is_looked_at() -> None:
    """Whoever waited for a thread looks anew, however busy the loop is meanwhile."""
    turn = Turn()
    version, seen = [0], [0]

    async def write_and_read() -> bool:
        await asyncio.to_thread(lambda: version.append(version.pop() + 1))
        if turn.is_over():
            seen[0] = version[0]
        return seen[0] == version[0]

    async def read_all_the_time() -> None:
        for _ in range(2000):
            if turn.is_over():
                seen[0] = version[0]
            await asyncio.sleep(0)

    reading = asyncio.create_task(read_all_the_time())
    own_writes = [await write_and_read() for _ in range(200)]
    await reading

    assert all(own_writes)


def test_without_a_loop_it_is_always_looked_at() -> None:
    """Where no loop runs, nothing is taken for granted."""
    turn = Turn()

    assert [turn.is_over(), turn.is_over()] == [True, True]


async def test_a_look_that_failed_is_repeated() -> None:
    """Whoever could not look ends the turn."""
    turn = Turn()

    assert turn.is_over()
    turn.end()
    assert turn.is_over()
