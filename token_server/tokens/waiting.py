"""The refusal of a request that would wait for something outside of its worker."""

from token_server.tokens.refusals import Overloaded


class TooManyWaiting(Overloaded):
    """Enough requests wait for the same thing. It is counted in the log, not audited."""

    reason = "too_many_waiting"
