"""Warnings about lengths of time that contradict each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from token_server.durations import write_duration
from token_server.problems import Problem
from token_server.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`shorter` is to be shorter than `longer`, or else `effect`. Both are names of settings."""

    shorter: str
    longer: str
    effect: str
    may_be_equal: bool = False


_ACCESS, _REFRESH = "access_token_lifetime", "refresh_token_lifetime"
_SHORT_TERM, _SESSION = "short_term_refresh_token_lifetime", "session_lifetime"
_GRACE, _RECOVERY = "grace_period", "recovery_period"
_PROPAGATION, _INTERVAL = "key_propagation_period", "key_rotation_interval"
RULES = (
    Rule(
        shorter=_ACCESS,
        longer=_REFRESH,
        effect="refresh tokens expire before their access tokens",
    ),
    Rule(
        shorter=_ACCESS,
        longer=_SHORT_TERM,
        effect="short-term refresh tokens expire before their access tokens",
    ),
    Rule(
        shorter=_SHORT_TERM,
        longer=_REFRESH,
        effect="short-term sessions last longer than the others",
        may_be_equal=True,
    ),
    Rule(
        shorter=_ACCESS,
        longer=_SESSION,
        effect="a session ends before its first access token expires",
        may_be_equal=True,
    ),
    Rule(
        shorter=_GRACE,
        longer=_REFRESH,
        effect="a spent refresh token returns its successor for as long as it is valid",
    ),
    Rule(
        shorter=_GRACE,
        longer=_SHORT_TERM,
        effect="a spent short-term refresh token returns its successor for as long as it is valid",
    ),
    Rule(
        shorter=_GRACE,
        longer=_SESSION,
        effect="a spent refresh token returns its successor until the session ends",
    ),
    Rule(
        shorter=_RECOVERY,
        longer=_REFRESH,
        effect="the part of it after the refresh token has expired does nothing",
        may_be_equal=True,
    ),
    Rule(
        shorter=_PROPAGATION,
        longer=_INTERVAL,
        effect="a rotation is due before verifiers know the next key",
    ),
)


def contradictions(settings: Settings, _now: datetime) -> Iterator[Problem]:
    """Yield a warning for each pair of settings that contradict each other."""
    for rule in RULES:
        shorter, longer = getattr(settings, rule.shorter), getattr(settings, rule.longer)
        if not _holds(rule, shorter, longer):
            yield Problem(
                f"{_shown(rule.shorter, shorter)} is not shorter than "
                f"{_shown(rule.longer, longer)}: {rule.effect}",
                hint=f"set {rule.shorter.upper()} to less, or {rule.longer.upper()} to more",
            )
    recovery = settings.recovery_period
    if recovery and recovery <= settings.grace_period:
        yield Problem(
            f"{_shown(_RECOVERY, recovery)} is not longer than "
            f"{_shown(_GRACE, settings.grace_period)}: it does nothing",
            hint="set RECOVERY_PERIOD to more, or to 0 for none",
        )


def _holds(rule: Rule, shorter: timedelta | None, longer: timedelta | None) -> bool:
    if shorter is None or longer is None:
        return True
    return shorter < longer or (rule.may_be_equal and shorter == longer)


def _shown(name: str, value: timedelta) -> str:
    return f"{name.upper()} ({write_duration(value)})"
