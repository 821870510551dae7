"""Apps with which the launcher is tested: openers, as worker.py wants them."""

import asyncio
import ctypes
import gc
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from token_server.problems import Problem
from token_server.settings import Settings
from token_server.store.connect import connect

GATE = "gate"
"""A FIFO in the working directory. Whoever opens it to read waits until a test opens it, too."""
LAST_WORDS = "last-words"


@asynccontextmanager
async def open_app(settings: Settings, _briefing: bytes) -> AsyncIterator[Starlette]:
    hung_up = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hung_up.set)

    async def settings_(_: Request) -> Response:
        return PlainTextResponse(f"{settings.issuer} {settings.store_url.get_secret_value()}")

    async def hung_up_(_: Request) -> Response:
        await hung_up.wait()
        return PlainTextResponse("hung up")

    yield Starlette(
        routes=[
            Route("/pid", answering(pid)),
            Route("/collector", answering(collector)),
            Route("/dumps", answering(dumps)),
            Route("/held", answering(pass_gate)),
            Route("/busy", busy),
            Route("/dies", answering(die)),
            Route("/orphan", answering(leave_an_orphan)),
            Route("/settings", settings_),
            Route("/hung-up", hung_up_),
        ]
    )


@asynccontextmanager
async def open_app_that_needs_its_store(
    settings: Settings, briefing: bytes
) -> AsyncIterator[Starlette]:
    """Writes down at its end whether the store was still there."""
    url = settings.store_url.get_secret_value()
    async with connect(url) as client, open_app(settings, briefing) as app:
        yield app
        await asyncio.to_thread(Path(LAST_WORDS).write_text, f"{await client.ping()}")


@asynccontextmanager
async def open_gate_first(settings: Settings, briefing: bytes) -> AsyncIterator[Starlette]:
    """Not open until a test lets it pass."""
    await pass_gate()
    async with open_app(settings, briefing) as app:
        yield app


@asynccontextmanager
async def open_with_a_problem(_: Settings, _briefing: bytes) -> AsyncIterator[Starlette]:
    yield broken(Problem("the moon is full", hint="wait for a new one"))


@asynccontextmanager
async def open_with_a_fault(_: Settings, _briefing: bytes) -> AsyncIterator[Starlette]:
    yield broken(ZeroDivisionError("canary"))


def broken(fault: Exception) -> Starlette:
    raise fault


async def pid() -> str:
    return str(os.getpid())


async def collector() -> str:
    return f"{gc.isenabled()} {gc.get_threshold()[0]} {gc.get_freeze_count() > 0}"


async def dumps() -> str:
    """Whether this process may be dumped, and the largest core file that it may write."""
    pr_get_dumpable = 3
    is_dumpable = ctypes.CDLL(None).prctl(pr_get_dumpable) if sys.platform == "linux" else 0
    return f"{is_dumpable} {resource.getrlimit(resource.RLIMIT_CORE)}"


async def pass_gate() -> str:
    return await asyncio.to_thread(Path(GATE).read_text)


async def busy(_: Request) -> Response:
    """Answers, and keeps its worker busy for as long as it lives."""

    def be_busy() -> None:
        time.sleep(0.02)  # As long as a few dozen refreshes take, but without the CPU.
        loop.call_later(0.001, be_busy)

    loop = asyncio.get_running_loop()
    loop.call_soon(be_busy)
    return PlainTextResponse("busy")


async def leave_an_orphan() -> str:
    """Start a process whose parent ends before it; its number."""
    shell = await asyncio.create_subprocess_shell(
        "sleep 0.3 >&- & echo $!", stdout=asyncio.subprocess.PIPE
    )
    return (await shell.communicate())[0].decode().strip()


async def die() -> str:
    os._exit(3)


def answering(make: Callable[[], Awaitable[str]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_: Request) -> Response:
        return PlainTextResponse(await make())

    return endpoint
