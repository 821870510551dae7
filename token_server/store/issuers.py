"""Which issuers the servers of this store have, so that a node set otherwise is noticed."""

from datetime import datetime, timedelta

from token_server.store import names
from token_server.store.engine import Engine
from token_server.tokens.moments import to_micros

KEPT = timedelta(days=30)
MAX_ISSUERS = 16


async def note_issuer(engine: Engine, issuer: str, now: datetime) -> list[str]:
    """Note that a server with this issuer starts; the others of late, the latest one first.

    Raises: StoreUnavailable.
    """
    await engine.command("ZREMRANGEBYSCORE", names.ISSUERS, "-inf", to_micros(now - KEPT))
    await engine.command("ZADD", names.ISSUERS, to_micros(now), issuer)
    await engine.command("ZREMRANGEBYRANK", names.ISSUERS, 0, -MAX_ISSUERS - 1)
    await engine.command("PEXPIRE", names.ISSUERS, KEPT // timedelta(milliseconds=1))
    found: list[bytes] = await engine.command("ZRANGE", names.ISSUERS, 0, -1, "REV")
    return [each.decode() for each in found if each.decode() != issuer]
