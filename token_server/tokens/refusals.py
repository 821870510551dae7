"""Every typed reason to say no; each dialect writes it its own way.

    Refusal
    ├── RequestRefused              the request itself is no good
    │   ├── RequestMalformed          incomplete, repeated member, undecodable
    │   │   └── MembersRefused          those that are missing or no text, by name
    │   ├── GrantUnsupported  ResponseTypeUnsupported  BodyTooLarge
    │   ├── MediaTypeUnsupported
    │   │   └── BodyEncoded             a Content-Encoding such as gzip
    │   ├── ScopeRefused  TargetRefused  GrantNotAllowed
    │   └── MethodNotAllowed  PathUnknown
    ├── TokenRefused                the token is no good; a caller never learns why
    │   ├── TokenMissing  TokenMalformed  TokenForged  KeyUnknown  TokenMisplaced  TokenNotYetValid
    │   ├── SessionUnknown  SessionEnded  TokenReused  TokenSpent  TokenRevoked
    │   ├── ClientGone  ExchangeRefused  AssertionRefused
    │   └── TokenExpired              the one difference a caller is told
    ├── ClientRefused               client authentication failed; a caller never learns why
    ├── LoginRefused                AccountUnknown  PasswordWrong  AccountDisabled
    ├── TooManyAttempts
    ├── TemporarilyUnavailable      StoreUnavailable  StoreMemoryLost  SigningKeyMissing
    │                               KeysetAstray  RequestLate  ClockBehind
    │   └── Overloaded                WaitedTooLong
    └── InternalFault               a fault of ours

A class's `reason` and `ids` go to the audit line; its text goes nowhere.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar, Self

from token_server.tokens.model import EndReason


class Refusal(Exception):
    """Never raised itself."""

    reason: ClassVar[str]

    def __init__(self, *told: object) -> None:
        super().__init__(*told)
        self.ids: dict[str, str | int] = {}

    def about(self, **ids: str | int) -> Self:
        """Note for the audit line whom and what it concerns: ids only, never a token."""
        self.ids.update(ids)
        return self


class RequestRefused(Refusal):
    reason = "request_refused"


class RequestMalformed(RequestRefused):
    """`fault` says what is wrong in constant words, never with a value that was sent."""

    reason = "request_malformed"

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class MembersRefused(RequestMalformed):
    """`faults` says by member what is wrong with it, in constant words."""

    reason = "members_refused"

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(" ".join(faults.values()))
        self.faults = faults


class GrantUnsupported(RequestRefused):
    reason = "grant_unsupported"


class ResponseTypeUnsupported(RequestRefused):
    reason = "response_type_unsupported"


class GrantNotAllowed(RequestRefused):
    reason = "grant_not_allowed"


class ScopeRefused(RequestRefused):
    """RFC 6749 §5.2, invalid_scope."""

    reason = "scope_refused"


class TargetRefused(RequestRefused):
    """RFC 8707 §2, invalid_target."""

    reason = "target_refused"


class BodyTooLarge(RequestRefused):
    reason = "body_too_large"


class MediaTypeUnsupported(RequestRefused):
    reason = "media_type_unsupported"


class BodyEncoded(MediaTypeUnsupported):
    reason = "body_encoded"


class MethodNotAllowed(RequestRefused):
    reason = "method_not_allowed"

    def __init__(self, allowed: str) -> None:
        super().__init__(allowed)
        self.allowed = allowed


class PathUnknown(RequestRefused):
    reason = "path_unknown"


class TokenRefused(Refusal):
    reason = "token_refused"


class TokenMissing(TokenRefused):
    reason = "token_missing"


class TokenMalformed(TokenRefused):
    reason = "token_malformed"


class TokenForged(TokenRefused):
    """Its signature or its token_id does not fit."""

    reason = "token_forged"


class KeyUnknown(TokenRefused):
    reason = "key_unknown"


class TokenMisplaced(TokenRefused):
    """An access token where a refresh token belongs, the reverse, another issuer's or client's."""

    reason = "token_misplaced"


class TokenNotYetValid(TokenRefused):
    reason = "token_not_yet_valid"


class TokenExpired(TokenRefused):
    reason = "token_expired"


class SessionUnknown(TokenRefused):
    reason = "session_unknown"


class SessionEnded(TokenRefused):
    reason = "session_ended"

    def __init__(self, because: EndReason) -> None:
        super().__init__(because)
        self.because = because


class TokenReused(TokenRefused):
    """A spent token shown when it may not be: its session has just been ended."""

    reason = "token_reused"


class TokenSpent(TokenRefused):
    """As TokenReused, but its client is of the milder policy: its session goes on."""

    reason = "token_spent"


class TokenRevoked(TokenRefused):
    """An access token that was revoked alone (RFC 7009); its session may go on."""

    reason = "token_revoked"


class ClientGone(TokenRefused):
    """Its client is not registered any more, or was confidential and is public now."""

    reason = "client_gone"


class ExchangeRefused(TokenRefused):
    """A live token that is not for the client which wants to exchange it (RFC 8693 §2.2.2)."""

    reason = "exchange_refused"


class AssertionRefused(TokenRefused):
    """`because` is for the audit line, in constant words."""

    reason = "assertion_refused"

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.about(because=because)


class ClientRefused(Refusal):
    """`because` is for the audit line, in constant words: a caller is told nothing of it."""

    reason = "client_refused"

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.about(because=because)


class LoginRefused(Refusal):
    reason = "login_refused"


class AccountUnknown(LoginRefused):
    reason = "account_unknown"


class PasswordWrong(LoginRefused):
    reason = "password_wrong"


class AccountDisabled(LoginRefused):
    reason = "account_disabled"


class TooManyAttempts(Refusal):
    reason = "too_many_attempts"

    def __init__(self, retry_in: timedelta) -> None:
        super().__init__(retry_in)
        self.retry_in = retry_in


class TemporarilyUnavailable(Refusal):
    """Nothing was lost; the same request may be tried again after `retry_in`."""

    reason = "temporarily_unavailable"
    retry_in: ClassVar[timedelta] = timedelta(seconds=1)


class StoreUnavailable(TemporarilyUnavailable):
    """Unreachable, too slow, or not able to write."""

    reason = "store_unavailable"


class StoreMemoryLost(TemporarilyUnavailable):
    """It answers, but holds another store secret than ours: it is not the store we knew."""

    reason = "store_memory_lost"


class SigningKeyMissing(TemporarilyUnavailable):
    """The active key's private half is not in our hands."""

    reason = "signing_key_missing"


class KeysetAstray(TemporarilyUnavailable):
    """Signed with a key that we do not know, while we cannot see what keys there are."""

    reason = "keyset_astray"


class RequestLate(TemporarilyUnavailable):
    """Overtaken long ago by later requests of its session, or our clock is behind."""

    reason = "request_late"


class ClockBehind(TemporarilyUnavailable):
    """A genuine token from the future: another server made it, and our clock is wrong."""

    reason = "clock_behind"


class Overloaded(TemporarilyUnavailable):
    reason = "overloaded"


class WaitedTooLong(Overloaded):
    """Before its turn came. Many at once fare alike: they are counted, not audited."""

    reason = "waited_too_long"


class InternalFault(Refusal):
    """The log has it, the caller does not."""

    reason = "internal_fault"
