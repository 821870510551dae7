"""A text stream of which no write waits for the reader.

A line is written at once if the reader has room for it. Otherwise it waits in a buffer of bounded
size, from which a thread writes it later. What the buffer does not hold is lost, and counted.
"""

import io
import os
import select
import socket
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

MAX_BUFFERED_BYTES: Final = 1 << 20
REPORT_INTERVAL: Final = 1.0
FULL: Final = "BufferFull"

WriteNow = Callable[[bytes], int]


class BoundedStream(io.TextIOBase):
    """Writes lines to a file descriptor that other processes may share.

    `lost_line` makes the line that reports lost lines on this stream, once it drains again.
    `on_loss` is called with their number and the cause, at most once in REPORT_INTERVAL.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        lost_line: Callable[[int], str],
        on_loss: Callable[[int, str], None] | None = None,
    ) -> None:
        self._descriptor = descriptor
        self._lost_line = lost_line
        self._on_loss = on_loss
        self._write_now, self._may_block, self._close = _writer_of(descriptor)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._unended = ""
        self._buffer: deque[bytes] = deque()
        self._buffered_bytes = 0
        self._lost = self._unreported = 0
        self._cause = ""
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Never waits and never fails. A line stays whole up to PIPE_BUF bytes."""
        if not text.endswith("\n"):
            self._unended += text
            return len(text)
        if self._unended:
            text, self._unended = self._unended + text, ""
        data = text.encode("utf-8", "backslashreplace")
        with self._lock:
            if self._buffer or self._may_block:
                self._keep(data)
            else:
                try:
                    written = self._write_now(data)
                except BlockingIOError:
                    self._keep(data)
                except OSError as fault:
                    self._lose(type(fault).__name__)
                else:
                    if written < len(data):
                        self._keep(data[written:])
                    elif self._lost:
                        self._keep_lost_line()
        return len(text)

    def close(self) -> None:
        """Close what this object opened. The descriptor stays open."""
        if not self.closed:
            super().close()
            self._close()

    def flush(self) -> None:
        """Does not wait."""

    def drain(self, *, within: float) -> None:
        """Write what waits, for so many seconds. What is left then is lost."""
        give_up_at = time.monotonic() + within
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            while self._buffer or self._unreported:
                if (left := give_up_at - time.monotonic()) <= 0:
                    return
                self._changed.wait(left)

    def _keep(self, data: bytes) -> None:
        if self._buffered_bytes + len(data) > MAX_BUFFERED_BYTES:
            self._lose(FULL)
            return
        self._buffer.append(data)
        self._buffered_bytes += len(data)
        self._wake()

    def _lose(self, cause: str) -> None:
        self._lost += 1
        self._cause = cause
        if self._on_loss:
            self._unreported += 1
            if self._unreported == 1:
                self._wake()

    def _keep_lost_line(self) -> None:
        lost, self._lost = self._lost, 0
        self._keep(self._lost_line(lost).encode())

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        reported_at = time.monotonic() - REPORT_INTERVAL
        while True:
            with self._changed:
                while not self._buffer and not self._unreported:
                    self._changed.wait()
                line = self._buffer[0] if self._buffer else b""
                now = time.monotonic()
                is_late = self._is_closing or now >= reported_at + REPORT_INTERVAL
                is_due = self._unreported and is_late
                lost, cause = self._unreported, self._cause
            if is_due and self._on_loss:
                self._on_loss(lost, cause)
                reported_at = now
                with self._changed:
                    self._unreported -= lost
                    self._changed.notify_all()
            if line:
                self._write_buffered(line)
            elif not is_due:
                with self._changed:
                    self._changed.wait(REPORT_INTERVAL)

    def _write_buffered(self, line: bytes) -> None:
        """Only this thread takes lines out of the buffer, and writes while there are any."""
        try:
            written = self._write_now(line)
        except BlockingIOError:
            waiting = select.poll()
            waiting.register(self._descriptor, select.POLLOUT)
            waiting.poll(REPORT_INTERVAL * 1000)
            return
        except OSError as fault:
            with self._changed:
                self._lose(type(fault).__name__)
                self._forget(line, len(line))
        else:
            with self._changed:
                self._forget(line, written)
                if not self._buffer and self._lost:
                    self._keep_lost_line()

    def _forget(self, line: bytes, written: int) -> None:
        self._buffered_bytes -= written
        if written < len(line):
            self._buffer[0] = line[written:]
        else:
            self._buffer.popleft()
        self._changed.notify_all()


def _writer_of(descriptor: int) -> tuple[WriteNow, bool, Callable[[], None]]:
    """Return what writes to it, whether that may wait for a reader, and what closes it.

    O_NONBLOCK is not set on the descriptor itself: the shell, and all other processes that share
    it, would get it too. A pipe or terminal is opened again instead, for this process alone.
    """
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        duplicate = socket.socket(fileno=os.dup(descriptor))
        return lambda data: duplicate.send(data, socket.MSG_DONTWAIT), False, duplicate.close
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            own = os.open(f"/proc/self/fd/{descriptor}", flags)
        except OSError:  # Not Linux, or a pipe of another user.
            return partial(os.write, descriptor), True, _nothing
        return partial(os.write, own), False, partial(os.close, own)
    return partial(os.write, descriptor), False, _nothing


def _nothing() -> None:
    pass
