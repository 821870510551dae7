"""After SIGTERM the server serves on for DRAIN_PERIOD, and says that it is about to stop."""

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx
from support.forms import refresh
from support.processes import PATIENCE, wait_until
from support.server import Server


def test_server_serves_on_for_the_drain_period_and_is_not_ready(
    own_server: Callable[..., AbstractContextManager[Server]],
) -> None:
    with own_server(WORKERS="1", DRAIN_PERIOD="4", KEEP_ALIVE="3s") as server:
        assert server.process
        token = server.pair().refresh_token
        with httpx.Client(base_url=server.url, timeout=PATIENCE) as kept:
            assert "connection" not in kept.get("/livez").headers
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: httpx.get(f"{server.url}/readyz").status_code == 503)
            answer = refresh(kept, token)
            assert (answer.status_code, answer.headers["connection"]) == (200, "close")
            assert httpx.get(f"{server.url}/livez").headers["connection"] == "close"
        assert server.process.wait(PATIENCE) == 0
        assert "given up" not in server.err
