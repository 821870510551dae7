"""A clock that tests move."""

from datetime import UTC, datetime, timedelta


class MovableClock:
    """Starts at the present, because the store's own expiry follows no other clock."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **length: float) -> None:
        self.now += timedelta(**length)
