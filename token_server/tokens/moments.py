"""Moments as whole numbers: exact, where floats would round."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_SECONDS_A_DAY = 86_400
_MICROSECOND = timedelta(microseconds=1)


def to_seconds(moment: datetime) -> int:
    """Whole seconds since the epoch, rounded down (RFC 7519 §2, NumericDate)."""
    since = moment - EPOCH
    return since.days * _SECONDS_A_DAY + since.seconds


def from_seconds(seconds: int) -> datetime:
    return EPOCH + seconds * _SECOND


def to_text(moment: datetime) -> str:
    """ISO 8601 to the microsecond, without the zone, which is UTC."""
    return f"{_second(to_seconds(moment))}.{moment.microsecond:06}"


@lru_cache(16)
def _second(seconds: int) -> str:
    # Many moments lie in the same second: that is asked for a thousand times.
    return from_seconds(seconds).replace(tzinfo=None).isoformat(timespec="seconds")


def to_micros(moment: datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    return EPOCH + micros * _MICROSECOND


def micros_in(length: timedelta) -> int:
    return length // _MICROSECOND
