"""A subject's profile as dialects tell it: what the operator gave, and what is known anyway.

A member that was given stands as it was given, null included.
"""

import uuid
from datetime import datetime

from token_server.tokens.profiles import Profile

# Of ours alone: an id made in it meets no id made elsewhere.
_NAMESPACE = uuid.UUID("6f5b5d1e-4b0f-5d0c-9c57-6d1f0a3c2b11")
# Readers in JavaScript hold no larger integer exactly.
_BITS_OF_AN_ID = 53


def identity_of(profile: Profile) -> dict[str, object]:
    """`id` and `email`: what tells a subject from all others."""
    known = {
        "id": _uuid_of(profile).int >> (128 - _BITS_OF_AN_ID),
        "email": profile.subject if "@" in profile.subject else None,
    }
    return {name: profile.document.get(name, value) for name, value in known.items()}


def known_of(profile: Profile) -> dict[str, object]:
    """Every member that can be filled in, as given or else as known."""
    known = {
        "uuid": str(_uuid_of(profile)),
        "name": profile.subject,
        "blocked": profile.disabled,
        "password_updated_at": timestamp(profile.password_updated_at),
        "created_at": timestamp(profile.created_at),
        "updated_at": timestamp(profile.updated_at),
    }
    return {**identity_of(profile), **known, **profile.document}


def timestamp(moment: datetime | None) -> str | None:
    """UTC, with the documented six fraction digits."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


def _uuid_of(profile: Profile) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, profile.subject)
