"""The system's clock and randomness: what the rules are handed."""

import secrets
from datetime import UTC, datetime

from token_server.tokens.model import Attempt, SessionId


def system_clock() -> datetime:
    return datetime.now(UTC)


class RandomIds:
    """The Ids of tokens/ports.py."""

    def session_id(self) -> SessionId:
        return SessionId(secrets.token_urlsafe(16))

    def attempt(self) -> Attempt:
        return Attempt(secrets.token_urlsafe(16))
