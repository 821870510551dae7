"""Where an exception was raised, without its text, which may quote a request or a secret."""

import traceback


def frames_of(fault: BaseException) -> str:
    """Return the type and the stack of an exception, its causes first."""
    return "".join(_frames(fault))


def _frames(fault: BaseException) -> list[str]:
    cause = fault.__cause__ or fault.__context__
    before = _frames(cause) if cause else []
    return [*before, f"{type(fault).__qualname__}\n", *traceback.format_tb(fault.__traceback__)]
