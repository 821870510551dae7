"""`/readyz` checks the store once a second, however many clients ask."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from starlette.requests import Request
from support.web_room import WebRoom

from token_server.tokens.refusals import Refusal, StoreUnavailable
from token_server.web.health import REMEMBERED_SECONDS, Ready
from token_server.web.routes import build_app

pytestmark = pytest.mark.anyio


class Probe:
    """A readiness that counts its checks, and a clock for what is remembered."""

    def __init__(self) -> None:
        self.checks = 0
        self.now = 0.0
        self.refusal: Refusal | None = None
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.ready = Ready(self, clock=lambda: self.now)

    async def __call__(self) -> None:
        self.checks += 1
        await self.may_end.wait()
        if self.refusal:
            raise self.refusal

    async def status(self) -> int:
        try:
            return (await self.ready(Request({"type": "http"}))).status_code
        except Refusal:
            return 503


async def test_checks_are_shared_by_all_that_ask_meanwhile() -> None:
    probe = Probe()
    probe.may_end.clear()
    asking = [asyncio.create_task(probe.status()) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    probe.may_end.set()
    await asyncio.wait(asking)
    assert [each.result() for each in asking[1:]] == [200] * 49
    assert probe.checks == 1


@pytest.mark.parametrize("refusal", [None, StoreUnavailable()], ids=["ready", "failed"])
async def test_result_is_remembered_for_a_second(refusal: Refusal | None) -> None:
    probe = Probe()
    probe.refusal = refusal
    expected = 503 if refusal else 200
    assert [await probe.status() for _ in range(5)] == [expected] * 5
    assert probe.checks == 1
    probe.refusal = None if refusal else StoreUnavailable()
    probe.now += REMEMBERED_SECONDS
    assert await probe.status() != expected
    assert probe.checks == 2


async def test_path_readyz_uses_the_remembered_result() -> None:
    room, probe = WebRoom(), Probe()
    transport = httpx.ASGITransport(build_app(replace(room.doors, readiness=probe)))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        statuses = [(await client.get("/readyz")).status_code for _ in range(3)]
    assert (statuses, probe.checks) == ([200] * 3, 1)
