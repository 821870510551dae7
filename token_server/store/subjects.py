"""The subject's record: that all sessions were ended, remembered for as long as one may live."""

from datetime import timedelta

from token_server.store import names
from token_server.store.engine import Engine
from token_server.tokens.model import LEEWAY, Subject

_MICROS_A_MILLISECOND = 1000


async def outlive_all_sessions(engine: Engine, subject: Subject) -> None:
    """Called once all have ended. No session outlives what is recorded of the signing keys."""
    recorded = await engine.command("HVALS", names.KEY_EXPIRIES)
    if not recorded:
        return
    last = max(map(int, recorded)) // _MICROS_A_MILLISECOND + LEEWAY // timedelta(milliseconds=1)
    await engine.command("PEXPIREAT", names.subject_record(subject), last + 1, "GT")
