"""Of two pieces of work under one key the older one has no answer, however it ends."""

import asyncio

from cope_lsp.server.latest import Latest, Superseded


async def stubborn(begun: asyncio.Event, go_on: asyncio.Event) -> str:
    """Go on though it was cancelled, as code does that catches too much."""
    begun.set()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await go_on.wait()
    return "old"


async def soon(text: str) -> str:
    return text


async def test_work_that_does_not_stop_is_superseded_all_the_same() -> None:
    latest, begun, go_on = Latest[str](), asyncio.Event(), asyncio.Event()
    old = asyncio.create_task(latest.run("a", stubborn(begun, go_on)))
    await begun.wait()
    assert await latest.run("a", soon("new")) == "new"
    go_on.set()
    assert isinstance(await old, Superseded)


async def test_work_under_another_key_goes_on() -> None:
    latest = Latest[str]()
    one, other = await asyncio.gather(latest.run("a", soon("1")), latest.run("b", soon("2")))
    assert (one, other) == ("1", "2")
