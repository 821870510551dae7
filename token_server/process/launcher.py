"""Runs the server from the first check to the last process gone."""

import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack

import structlog

from token_server.process.child import Orders
from token_server.process.file_limit import raise_file_limit
from token_server.process.signals import ignore_signals
from token_server.process.sockets import listen, urls_of
from token_server.process.standard_streams import bound_standard_streams
from token_server.process.store_watch import StoreWatch
from token_server.process.supervisor import Supervisor
from token_server.process.tally import Tally
from token_server.process.tls import tls_of
from token_server.settings import Settings
from token_server.store.embedded import EmbeddedStore, embedded_in
from token_server.system import worker_count

log = structlog.get_logger(__name__)

START_UP_SECONDS = 30.0
DRAIN_SECONDS = 20


def serve(  # noqa: PLR0913 - each by its name
    settings: Settings,
    *,
    prepare: Callable[[Settings], bytes],
    opener: str,
    report: Callable[[Settings], None] = lambda _: None,
    start_up_seconds: float = START_UP_SECONDS,
    drain_seconds: int = DRAIN_SECONDS,
) -> None:
    """Serve until told to leave. Raises: Problem, where it cannot be started.

    `prepare` is called when the store answers; each worker gets its result. `opener` names, as
    `module:function`, what a worker calls for its app. `report` is called once all serve.
    """
    raise_file_limit()
    _set_up_process()
    tls, workers = tls_of(settings), worker_count(settings.workers)
    with ExitStack() as at_the_end:
        listeners = listen(settings.host, settings.port)
        for each in listeners:
            at_the_end.enter_context(each)
        store = embedded_in(settings.store_url.get_secret_value())
        if store:
            at_the_end.enter_context(store)
        orders = Orders(
            settings=settings,
            briefing=prepare(settings),
            opener=opener,
            start_up_seconds=start_up_seconds,
            drain_seconds=drain_seconds,
        )
        watch = StoreWatch(store) if store else None
        supervisor = Supervisor(listeners, Tally.of(workers), orders, watch)
        at_the_end.callback(supervisor.kill)
        if supervisor.start():
            url = urls_of(listeners, scheme="https" if tls else "http")
            log.info("serving %s with %d worker%s", url, workers, "s" if workers > 1 else "")
            _report(report, settings, store)
            supervisor.watch()
        supervisor.drain()


def _report(
    report: Callable[[Settings], None], settings: Settings, store: EmbeddedStore | None
) -> None:
    report(settings)
    if store and store.program:
        log.info("the embedded store runs %s", store.program)


def _set_up_process() -> None:
    ignore_signals()
    # Until the supervisor takes the signals over, leaving is as simple as that.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    bound_standard_streams()
