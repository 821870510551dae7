"""How long the tests of chance run: short in `make test`, long in `make chaos`."""

from hypothesis import HealthCheck, settings

SHORT, LONG = "short", "long"
LONGER = 10
_SLOW_STORE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


def register() -> None:
    settings.register_profile(
        SHORT,
        max_examples=40,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=_SLOW_STORE,
    )
    settings.register_profile(
        LONG,
        max_examples=300,
        stateful_step_count=60,
        deadline=None,
        suppress_health_check=_SLOW_STORE,
    )
    # `--hypothesis-profile` is obeyed after this, and before any module of tests is read.
    settings.load_profile(SHORT)


def often(times: int) -> int:
    """So often in the short profile, and LONGER times that in the long one."""
    return times * (LONGER if settings.get_current_profile_name() == LONG else 1)
