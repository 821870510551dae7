"""One running worker, as its parent sees it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, cast

from token_server.problems import Problem
from token_server.process.handover import Handover, Report
from token_server.process.signals import blocked_at_start
from token_server.process.tally import Seat
from token_server.settings import Settings

SETTINGS_IN_ENVIRONMENT = "TOKEN_SERVER_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What every worker is started with."""

    settings: Settings
    briefing: bytes = field(repr=False)
    opener: str
    start_up_seconds: float
    drain_seconds: int


class Child:
    """Selectors wait for what it reports."""

    def __init__(
        self, listeners: Sequence[socket.socket], seat: Seat, orders: Orders, *, now: float
    ) -> None:
        self.is_listening = False
        self._late_at = now + orders.start_up_seconds
        self._heard = b""
        self._reports, status = os.pipe()
        os.set_blocking(self._reports, False)
        try:
            files = [each.fileno() for each in listeners]
            self._process = _start(pass_fds=(*files, seat.tally.file, status))
        except OSError:
            os.close(self._reports)
            raise
        finally:
            os.close(status)
        self._hand_over(
            Handover(
                parent=os.getpid(),
                listeners=files,
                tally=seat.tally.file,
                seat=seat.number,
                status=status,
                opener=orders.opener,
                # We count, and end it. It counts too, for whoever else tells it to leave.
                drain_seconds=orders.drain_seconds + 1,
                settings=orders.settings,
                briefing=orders.briefing,
            )
        )

    def fileno(self) -> int:
        return self._reports

    @property
    def pid(self) -> int:
        return self._process.pid

    def died_of(self, now: float) -> Problem | None:
        """None: it lives, and what it promised holds. Else it is dead now, and done with."""
        # In this order, because it reports before it dies.
        exit_status = self._process.poll()
        problem = self._hear()
        if problem is None and exit_status is not None:
            problem = Problem(f"worker {self._process.pid} {_ended(exit_status)}")
        if problem is None and not self.is_listening and now >= self._late_at:
            problem = Problem(f"worker {self._process.pid} does not come to listen")
        if problem is not None:
            self.kill()
        return problem

    def send(self, signal_: signal.Signals) -> None:
        self._process.send_signal(signal_)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._reports)

    def _hand_over(self, handover: Handover) -> None:
        pipe = cast("IO[bytes]", self._process.stdin)
        # It may be dead already; that is found out where all deaths are.
        with suppress(BrokenPipeError), pipe:
            handover.write(pipe)

    def _hear(self) -> Problem | None:
        with suppress(BlockingIOError):
            self._heard += os.read(self._reports, 65536)
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            if problem := Report.from_line(line).problem:
                return problem
            self.is_listening = True
        return None


def _start(*, pass_fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(SETTINGS_IN_ENVIRONMENT)
    }
    # It imports what we import, and not what lies in the folder where it happens to start.
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    with blocked_at_start():
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "token_server.process.worker"],
            env=environment,
            stdin=subprocess.PIPE,
            pass_fds=pass_fds,
            # Ctrl-C is for the parent: it tells the workers when to leave.
            process_group=0,
        )


def _ended(exit_status: int) -> str:
    if exit_status < 0:
        return f"was ended by signal {-exit_status} ({signal.strsignal(-exit_status)})"
    return f"exited with status {exit_status}"
