"""The store that we run ourselves: started or joined, and started again when it dies."""

import os
import time
from pathlib import Path
from typing import Self

from token_server import store_url
from token_server.problems import Problem
from token_server.store.data_directory import DataDirectory
from token_server.store.valkey import State, ValkeyProcess, ask

PATIENCE = 30.0
POLLED_EVERY = 0.01
# Commands that joined our store; a server that did starts one of its own when ours has gone.
OTHERS_FINISH_WITHIN = 3.0
# A store that dies before it answers is not started again at once: it would burn a core.
RESTARTED_EVERY = 1.0


class EmbeddedStore:
    """The store of one data directory, whoever runs it.

    For the main thread: the store dies with the thread that started it. As a context manager it
    answers from the first line on, and is stopped at the end if it was started here.
    """

    def __init__(self, data_dir: Path, *, must_exist: bool = False) -> None:
        """`must_exist`: run or join the store that is there; never make one."""
        self._data = DataDirectory(data_dir)
        self._must_exist = must_exist
        self._process: ValkeyProcess | None = None
        self._answered = False
        self._started_at = -RESTARTED_EVERY

    @property
    def socket_path(self) -> Path:
        return self._data.socket

    @property
    def is_ours(self) -> bool:
        """Whether this object started it, so that `stop` stops it."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """Its process, if this object started it."""
        return self._process.pid if self._process else None

    @property
    def program(self) -> str | None:
        """The server that was started here, if one was."""
        return self._process.program if self._process else None

    def ensure(self) -> None:
        """Return once the store answers. Raises: Problem."""
        give_up_at = time.monotonic() + PATIENCE
        while (state := self.tend()) is not State.ANSWERS:
            if state is State.LOADING:
                # It reads a file that ends, or exits: however large, this is no standstill.
                give_up_at = time.monotonic() + PATIENCE
            elif time.monotonic() > give_up_at:
                raise Problem(
                    "the embedded store does not answer",
                    hint=f"read {self._data.log}; "
                    f"the process that holds {self._data.path / 'lock'} is in its way",
                )
            time.sleep(POLLED_EVERY)

    def tend(self) -> State:
        """Start the store where nobody runs it any more; does not wait for it.

        Raises: Problem, where it exited by itself before it answered.
        """
        self._bury()
        state = ask(self.socket_path)
        if state is State.ANSWERS:
            self._answered = True
        elif self._process is None:
            self._start()
        return state

    def stop(self) -> None:
        """Stop the store if it is ours, and wait for its end."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def __enter__(self) -> Self:
        if self._must_exist and not self._data.holds_data():
            raise _no_store(self._data.path)
        # Before the store is asked, so that whoever runs it does not stop it in between.
        self._use = self._data.share()
        try:
            self.ensure()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        give_up_at = time.monotonic() + OTHERS_FINISH_WITHIN
        while self._is_used_by_others() and time.monotonic() < give_up_at:
            time.sleep(POLLED_EVERY)
        self._leave()

    def _is_used_by_others(self) -> bool:
        return self.is_ours and self._use is not None and self._data.is_shared(self._use)

    def _leave(self) -> None:
        self.stop()
        if self._use is not None:
            os.close(self._use)

    def _bury(self) -> None:
        if self._process is None or (status := self._process.exit_status()) is None:
            return
        dead, self._process = self._process, None
        # Killed or told to stop, it is just started again.
        if status > 0 and not self._answered:
            raise dead.failure()

    def _start(self) -> None:
        now = time.monotonic()
        if not self._answered and now < self._started_at + RESTARTED_EVERY:
            return
        self._data.prepare()
        self._data.check_complete()
        lock = self._data.lock()
        if lock is None:
            return
        self._started_at, self._answered = now, False
        try:
            self._process = ValkeyProcess(self._data, lock=lock)
        finally:
            # The store holds a copy. None of our other children must.
            os.close(lock)


def _no_store(folder: Path) -> Problem:
    return Problem(
        f"there is no store in {folder}",
        hint='"token-server serve" makes a new one there; to select another store, set '
        "TOKEN_SERVER_STORE_URL or TOKEN_SERVER_CONFIG",
    )


def embedded_in(url: str, *, must_exist: bool = False) -> EmbeddedStore | None:
    """The store that this URL asks us to run ourselves; None: somebody else runs it.

    Raises: StoreUrlProblem.
    """
    place = store_url.read(url)
    if isinstance(place, store_url.Embedded):
        return EmbeddedStore(Path(place.folder), must_exist=must_exist)
    return None
