"""The subject's record: that all sessions were ended, remembered for as long as one may live."""

from datetime import timedelta

from token_server.store import names
from token_server.store.engine import Argument, Engine, Script
from token_server.tokens.model import LEEWAY, Subject

_MICROS_A_MILLISECOND = 1000
_MILLISECOND = timedelta(milliseconds=1)


async def end_all_sessions(
    engine: Engine,
    script: Script,
    subject: Subject,
    *other_keys: str,
    keep: timedelta,
    more: tuple[Argument, ...] = (),
) -> bool:
    """What the script says, once that is durable. Raises: StoreUnavailable.

    No session outlives what is recorded of the signing keys. That is asked before, so that whoever
    dies on the way leaves no record that lives too short; and once none of those sessions can be
    refreshed any more, because one may just have been.
    """
    record = names.subject_record(subject)
    last = await _last_session_lives_until(engine)
    lengths = (keep // _MILLISECOND, last)
    changed = await engine.run(script, [record, *other_keys], [*lengths, *more])
    await engine.command("PEXPIREAT", record, await _last_session_lives_until(engine), "GT")
    await engine.make_durable()
    return bool(changed)


async def _last_session_lives_until(engine: Engine) -> int:
    """The latest moment, in milliseconds, at which the store may drop a session."""
    recorded = await engine.command("HVALS", names.KEY_EXPIRIES)
    latest = max(map(int, recorded), default=0) // _MICROS_A_MILLISECOND
    return latest + LEEWAY // _MILLISECOND + 1
