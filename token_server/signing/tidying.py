"""What running servers do where keys are kept and they may write: record, and destroy.

Nothing depends on it: without it a server still goes by what the store has recorded, and the next
command of an operator destroys what is spent.
"""

from datetime import datetime

from token_server.signing.keeper import KeysKeeper
from token_server.signing.lifecycle import Keyset, remembered
from token_server.signing.reader import Heard, KeyTimes
from token_server.signing.rotation import Step
from token_server.tokens.ports import Audit, Clock, Fact


class KeysTidier:
    """Any number of servers may do it at once: whoever comes second finds nothing to do."""

    def __init__(
        self,
        keeper: KeysKeeper,
        times: KeyTimes,
        *,
        key_size: int,
        clock: Clock,
        audit: Audit,
    ) -> None:
        self._keeper = keeper
        self._times = times
        self._key_size = key_size
        self._clock = clock
        self._audit = audit

    def tidy(self, written: Keyset, heard: Heard) -> None:
        """Raises: Problem."""
        if not self._keeper.is_writable():
            return

        def record(keyset: Keyset, _now: datetime) -> Step[None]:
            return Step(keyset=self._final(keyset, heard), outcome=None)

        grace_period = self._times.grace_period
        if record(written, self._clock()).keyset == written:
            destroyed = self._keeper.destroy_spent(self._clock(), grace_period=grace_period)
        else:
            destroyed = self._keeper.change(
                record, key_size=self._key_size, clock=self._clock, grace_period=grace_period
            ).destroyed
        for kid in destroyed:
            self._audit.record(Fact.KEY_DESTROYED, kid=kid)

    def _final(self, keyset: Keyset, heard: Heard) -> Keyset:
        """As every server sees it by now.

        With the `drops_at` of those keys that all have stopped to sign with, and without those
        that none would take a token of.
        """
        settled = heard.settle(keyset, self._times)
        return remembered(settled, heard.at - self._times.propagation_period)
