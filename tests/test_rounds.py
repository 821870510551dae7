"""What goes on beside the requests ends with the app, whatever it is doing just then."""

import asyncio
from contextlib import suppress
from typing import NoReturn

import pytest

from token_server.rounds import beside

pytestmark = pytest.mark.anyio


async def test_work_ends_with_the_app_also_where_a_library_swallows_its_cancellation() -> None:
    begun = asyncio.Event()
    swallowed = 0

    async def work() -> NoReturn:
        nonlocal swallowed
        begun.set()
        while True:
            if swallowed == 0:
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
                swallowed += 1
            await asyncio.Event().wait()

    async with asyncio.timeout(10):
        async with beside(work()):
            await begun.wait()
    assert swallowed == 1


async def test_a_fault_of_the_work_is_told_as_it_is() -> None:
    async def work() -> NoReturn:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with beside(work()):
            await asyncio.Event().wait()
