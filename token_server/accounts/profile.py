"""An account's profile: one JSON object, read strictly; and what is told of a subject by it."""

import json

from token_server import strict_json
from token_server.problems import Problem
from token_server.tokens.model import Subject
from token_server.tokens.ports import AccountStore
from token_server.tokens.profiles import Profile

LARGEST_PROFILE = 64 * 1024


def read_profile(document: bytes) -> str:
    """The profile as compact JSON text. Raises: Problem."""
    if len(document) > LARGEST_PROFILE:
        raise Problem(f"the profile is larger than {LARGEST_PROFILE} bytes")
    try:
        profile = strict_json.read_document(document)
    except ValueError as fault:
        raise Problem(
            "the profile is not a JSON object",
            hint='such as {"email": "a@b.example"}: UTF-8, no member twice, no NaN (RFC 8259)',
        ) from fault
    return json.dumps(profile, ensure_ascii=False, separators=(",", ":"))


class AccountProfiles:
    """The Profiles of tokens/profiles.py."""

    def __init__(self, accounts: AccountStore) -> None:
        self._accounts = accounts

    async def __call__(self, subject: Subject) -> Profile:
        """Raises: TemporarilyUnavailable."""
        account = await self._accounts.find(subject)
        if account is None:
            return Profile(subject=subject)
        return Profile(
            subject=subject,
            # It was read strictly before it was kept.
            document=json.loads(account.profile),
            disabled=account.disabled,
            created_at=account.created_at,
            updated_at=account.updated_at,
            password_updated_at=account.password_updated_at,
        )
