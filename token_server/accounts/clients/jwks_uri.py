"""Keys that lie elsewhere: kept for a while, and fetched anew where an unknown one is shown."""

import asyncio
from datetime import datetime, timedelta

from token_server.accounts.clients.fetching import JwksFetcher
from token_server.accounts.clients.registered import JwksUri, VerificationKey
from token_server.alarm import Alarm
from token_server.problems import Problem
from token_server.slots import LimitedWait
from token_server.tokens.waiting import TooManyWaiting

FRESH_FOR = timedelta(minutes=5)
NO_SOONER_THAN = timedelta(seconds=30)
"""However many unknown keys are shown, and however often it failed."""

Keys = tuple[VerificationKey, ...]


class RemoteKeys:
    """The key sets that were fetched, by their address."""

    def __init__(self, fetch: JwksFetcher) -> None:
        self._fetch = fetch
        self._kept: dict[JwksUri, _Kept] = {}

    async def of(self, uri: JwksUri, now: datetime) -> Keys:
        """Not older than `FRESH_FOR`, if they can be had; else the last good ones, or none.

        Raises: TooManyWaiting.
        """
        return await self._current(uri, now, FRESH_FOR)

    async def newer(self, uri: JwksUri, now: datetime) -> Keys:
        """As they are now, unless somebody has just looked. Raises: TooManyWaiting."""
        return await self._current(uri, now, NO_SOONER_THAN)

    async def _current(self, uri: JwksUri, now: datetime, good_for: timedelta) -> Keys:
        kept = self._kept.setdefault(uri, _Kept())
        # Of many that ask at once one fetches, and the others wait for what it gets.
        if kept.fetching is None and not kept.is_newer_than(good_for, now):
            kept.tried_at = now
            kept.fetching = asyncio.create_task(self._renew(uri, kept, now))
        if kept.fetching:
            if kept.waiting.is_full and kept.keys and good_for is FRESH_FOR:
                return kept.keys
            with kept.waiting.one():
                # A caller that hangs up takes nothing away from the others.
                await asyncio.shield(kept.fetching)
        return kept.keys

    async def _renew(self, uri: JwksUri, kept: "_Kept", now: datetime) -> None:
        try:
            kept.keys = await self._fetch(uri)
            kept.fetched_at = now
            kept.alarm.tell([])
        except Problem as problem:
            kept.alarm.tell([problem])
        finally:
            kept.fetching = None


class _Kept:
    def __init__(self) -> None:
        self.keys: Keys = ()
        self.fetched_at: datetime | None = None
        self.tried_at: datetime | None = None
        self.fetching: asyncio.Task[None] | None = None
        self.waiting = LimitedWait(TooManyWaiting)
        self.alarm = Alarm(
            trouble="the keys at a jwks_uri cannot be fetched; the last good ones stay in force",
            over="the keys at a jwks_uri can be fetched again",
        )

    def is_newer_than(self, age: timedelta, now: datetime) -> bool:
        """Or was tried so recently that it is not tried again."""
        return _within(age, self.fetched_at, now) or _within(NO_SOONER_THAN, self.tried_at, now)


def _within(age: timedelta, moment: datetime | None, now: datetime) -> bool:
    # A clock that was set back makes nothing newer.
    return moment is not None and timedelta(0) <= now - moment < age
