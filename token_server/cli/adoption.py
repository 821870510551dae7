"""Which verifiers have not yet fetched a key that is to sign: for `keys list`, `keys rotate`."""

import asyncio
from datetime import timedelta

from token_server.app.store import open_engine
from token_server.cli.names import written
from token_server.problems import Problem
from token_server.settings import Settings
from token_server.signing.lifecycle import Keyset
from token_server.store.verifiers import Verifier, Verifiers
from token_server.system import system_clock
from token_server.tokens.model import Kid
from token_server.tokens.refusals import TemporarilyUnavailable

FORGOTTEN_AFTER = timedelta(days=30)
"""Who has not been seen for that long is no verifier any more."""


def laggards(settings: Settings, keyset: Keyset, kid: Kid) -> list[Verifier]:
    """Who has a set without this key; nobody, where no running store can be asked."""
    try:
        seen = asyncio.run(_seen(settings))
    except (Problem, TemporarilyUnavailable):
        return []
    return [each for each in seen if not _has(each, keyset, kid)]


def lines_about(found: list[Verifier], kid: Kid) -> list[str]:
    if not found:
        return []
    rows = [
        f"  {each.network}  {each.user_agent}  last fetched {written(each.fetched_at)}"
        for each in found
    ]
    noun = "verifier has" if len(found) == 1 else "verifiers have"
    return [f"{len(found)} {noun} not fetched the JWK Set since {kid} is in it:", *rows]


async def _seen(settings: Settings) -> list[Verifier]:
    async with open_engine(settings) as engine:
        seen = await Verifiers(engine).all()
    return [each for each in seen if system_clock() - each.fetched_at < FORGOTTEN_AFTER]


def _has(verifier: Verifier, keyset: Keyset, kid: Kid) -> bool:
    """Sets only grow by the key that is announced last."""
    newest, wanted = keyset.find(verifier.newest), keyset.find(kid)
    if newest is None or wanted is None:
        return False
    return newest.announced_at >= wanted.announced_at
