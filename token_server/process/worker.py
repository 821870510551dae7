"""One worker process: opens the app, serves it on the sockets it was given, leaves on SIGTERM."""

import asyncio
import gc
import os
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from pkgutil import resolve_name

import uvloop
from starlette.types import ASGIApp

from token_server.dumps import forbid_dumps
from token_server.leash import die_with
from token_server.logs import log_loop_fault
from token_server.problems import Problem
from token_server.process.handover import Handover, Report
from token_server.process.http_server import HttpServer
from token_server.process.signals import ignore_signals
from token_server.process.standard_streams import bound_standard_streams
from token_server.process.tally import Tally
from token_server.process.tls import tls_followed, tls_of
from token_server.settings import Settings
from token_server.web.forwarded import TrustedProxies

Opener = Callable[[Settings, bytes], AbstractAsyncContextManager[ASGIApp]]
"""Opens the app for as long as the worker serves, with what `prepare` learned (launcher.py).

It may take SIGHUP: the parent passes it on.
"""

FRAMES_TOLD = 3
COLLECTED_AFTER = 20_000


def main() -> None:
    forbid_dumps()
    ignore_signals()
    handover = Handover.read(sys.stdin.buffer)
    if handover is None:
        return
    die_with(handover.parent)
    bound_standard_streams()
    # What is imported stays: to look for garbage in it is a tenth of a start.
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(work(handover))
        except Exception as fault:  # noqa: BLE001 - whatever it is, the parent tells it
            # Before the loop is closed: uvloop may hang there, and the parent ends who fails.
            os.write(handover.status, report_of(fault).to_line())
            sys.exit(1)


async def work(handover: Handover) -> None:
    asyncio.get_running_loop().set_exception_handler(log_loop_fault)
    opener: Opener = resolve_name(handover.opener)

    def on_listening() -> None:
        # What is here now stays: the collector need not look at it again.
        gc.freeze()
        # A request leaves nothing in circles: the collector need not look after each hundred.
        gc.set_threshold(COLLECTED_AFTER)
        gc.enable()
        os.write(handover.status, Report().to_line())

    async with opener(handover.settings, handover.briefing) as app:
        server = HttpServer(
            app,
            seat=Tally(handover.tally).seat(handover.seat),
            keep_alive_seconds=handover.settings.keep_alive // timedelta(seconds=1),
            drain_period_seconds=handover.settings.drain_period.total_seconds(),
            drain_seconds=handover.drain_seconds,
            tls=tls_of(handover.settings),
            trusted_proxies=TrustedProxies(handover.settings.trusted_proxies),
            on_listening=on_listening,
        )
        async with tls_followed(handover.settings, server.use_tls):
            await server.serve([socket.socket(fileno=each) for each in handover.listeners])


def report_of(fault: Exception) -> Report:
    if isinstance(fault, Problem):
        return Report(text=fault.text, hint=fault.hint)
    # The type and the place only: its words may hold secrets.
    frames = traceback.extract_tb(fault.__traceback__)[-FRAMES_TOLD:]
    places = [f"{Path(each.filename).name}:{each.lineno} in {each.name}" for each in frames]
    return Report(
        text=f"a worker cannot go on: {type(fault).__name__}",
        hint=f"raised at {' < '.join(reversed(places))}",
    )


if __name__ == "__main__":
    main()
