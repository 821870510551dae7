"""The log of a server process: all of it JSON lines, none of it a secret, and no flood."""

import io
import json
import subprocess
import sys

import pytest
import structlog

from token_server import logs
from token_server.logs import MAX_REPEATS, REPEAT_INTERVAL, RepeatLimit, log_to

ALL_WAYS = """
import asyncio, logging, threading, warnings
from token_server.logs import log_loop_fault
from token_server.process.standard_streams import bound_standard_streams

def fail():
    raise ValueError("s3cret")

class Unraisable:
    def __del__(self):
        fail()

bound_standard_streams()
try:
    fail()
except ValueError:
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application\\n")
logging.getLogger("asyncio").warning("slow %s", "callback")
warnings.warn("odd", UserWarning)
thread = threading.Thread(target=fail)
thread.start()
thread.join()
del [Unraisable()][0]

async def in_a_callback():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_fault)
    loop.call_soon(fail)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

asyncio.run(in_a_callback())
fail()
"""


def test_whatever_writes_to_the_log_of_a_process_writes_json_lines_without_secrets() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALL_WAYS], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "s3cret" not in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line.get("error") for line in lines] == [
        "ValueError",
        None,
        None,
        *["ValueError"] * 4,
    ]
    assert lines[0]["event"] == "Exception in ASGI application"
    assert (lines[1]["logger"], lines[1]["event"]) == ("asyncio", "slow callback")
    assert "odd" in lines[2]["event"]
    assert lines[-1]["event"] == "uncaught fault"
    assert all({"level", "timestamp"} <= set(line) for line in lines)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(logs, "RepeatLimit", lambda: RepeatLimit(clock))
    return clock


def test_a_warning_that_repeats_is_left_out_and_counted(clock: Clock) -> None:
    stream = io.StringIO()
    before = structlog.get_config()
    try:
        log_to(stream)
        log = structlog.get_logger()
        for number in range(MAX_REPEATS + 5):
            log.warning("again", number=number)
            log.info("an information")
        log.warning("another one")
        clock.now += REPEAT_INTERVAL
        log.warning("again")
        log.warning("again")
    finally:
        structlog.configure(**before)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    again = [line for line in lines if line["event"] == "again"]
    assert len(again) == MAX_REPEATS + 2
    assert [line.get("left_out") for line in again[-2:]] == [5, None]
    assert sum(line["event"] == "an information" for line in lines) == MAX_REPEATS + 5
    assert sum(line["event"] == "another one" for line in lines) == 1
