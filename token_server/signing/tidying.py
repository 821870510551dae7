"""What running servers do in a keys directory that they may write to: record, and destroy.

Nothing depends on it: without it a server still goes by what the store has recorded, and the next
command of an operator destroys what is spent.
"""

from datetime import datetime

from token_server.signing.keystore import KeysDirectory
from token_server.signing.lifecycle import Keyset
from token_server.signing.reader import Heard, KeyTimes
from token_server.signing.rotation import Step
from token_server.tokens.ports import Audit, Clock, Fact


class KeysTidier:
    """Any number of servers may do it at once: whoever comes second finds nothing to do."""

    def __init__(
        self,
        directory: KeysDirectory,
        times: KeyTimes,
        *,
        key_size: int,
        clock: Clock,
        audit: Audit,
    ) -> None:
        self._directory = directory
        self._times = times
        self._key_size = key_size
        self._clock = clock
        self._audit = audit

    def tidy(self, on_disk: Keyset, heard: Heard) -> None:
        """Raises: Problem."""
        if not self._directory.is_writable():
            return

        def record(keyset: Keyset, _now: datetime) -> Step[None]:
            return Step(keyset=heard.settle(keyset, self._times), outcome=None)

        grace_period = self._times.grace_period
        if record(on_disk, self._clock()).keyset == on_disk:
            destroyed = self._directory.destroy_spent(self._clock(), grace_period=grace_period)
        else:
            destroyed = self._directory.change(
                record, key_size=self._key_size, clock=self._clock, grace_period=grace_period
            ).destroyed
        for kid in destroyed:
            self._audit.record(Fact.KEY_DESTROYED, kid=kid)
