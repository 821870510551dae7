"""Whether this machine can compute eight signatures at once."""

import platform
import re
import sys
from pathlib import Path

import pytest

X86_64_LINUX = sys.platform == "linux" and platform.machine() == "x86_64"


def _has_lanes() -> bool:
    flags = Path("/proc/cpuinfo").read_text() if X86_64_LINUX else ""
    return bool(re.search(r"\b(avx512ifma|avx_ifma)\b", flags))


HAS_LANES = _has_lanes()
needs_lanes = pytest.mark.skipif(not HAS_LANES, reason="the processor has no lanes for them")
