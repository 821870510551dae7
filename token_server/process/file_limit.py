"""How many files this process may have open, and how many of them may be connections."""

import resource
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

MOST_FILES = 1_048_576
"""Some containers have a hard limit of a thousand times that, and some programs count it out."""
RESERVED_FILES = 128
"""For the store, keys, logs and what libraries open."""
MOST_OF_NETWORK = 10_000


def raise_file_limit() -> None:
    """Raise the soft limit to the hard one; what this process starts inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS has a lower limit than it says.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Of one worker."""

    most: int
    """If it holds as many, the longest idle ones are closed."""
    most_of_network: int

    @classmethod
    def of_this_process(cls) -> Self:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = MOST_FILES if soft == resource.RLIM_INFINITY else soft
        most = max(files - RESERVED_FILES, files // 2)
        return cls(most=most, most_of_network=min(most // 2, MOST_OF_NETWORK))
