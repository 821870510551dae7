"""Take a keyset that servers refuse, on purpose: an older one, or one of an earlier release."""

from dataclasses import dataclass, replace
from datetime import datetime

from token_server.signing import rotation
from token_server.signing.keyset_guard import is_taken_back
from token_server.signing.lifecycle import Keyset
from token_server.signing.rotation import KeyPolicy, Step
from token_server.tokens.keyset_history import KeysetHistory
from token_server.tokens.model import Kid


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    revoked: Kid | None
    """The key that was revoked again."""
    is_complete: bool
    """Whether no other key must be revoked again."""


def accept(
    keyset: Keyset, now: datetime, policy: KeyPolicy, history: KeysetHistory
) -> Step[Accepted]:
    """Raise the counter above every one that was seen, and revoke one revoked key again.

    One at a time: each revocation may use up the pending key, and the change makes another.
    """
    taken_back = [kid for kid in history.revoked if is_taken_back(keyset, kid)]
    after = rotation.revoke(keyset, taken_back[0], now, policy).keyset if taken_back else keyset
    return Step(
        keyset=replace(after, counter=max(keyset.counter, history.counter) + 1),
        outcome=Accepted(
            revoked=taken_back[0] if taken_back else None, is_complete=not taken_back[1:]
        ),
    )
