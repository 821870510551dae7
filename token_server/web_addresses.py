"""What a URL of the web may look like where an operator writes one."""

import re
from urllib.parse import SplitResult, urlsplit

from token_server.host_names import is_host

# RFC 3986 §2: what never stands in a URL as itself.
_NOT_IN_URLS = re.compile(r'[^!-~]|["<>\\^`{|}]')


def web_address(text: str) -> SplitResult | None:
    """Take an http or https URL apart that has no user and no fragment; None: it is none."""
    if _NOT_IN_URLS.search(text) or not text.startswith(("https://", "http://")):
        return None
    try:
        parts = urlsplit(text)
        good = parts.port != 0 and is_host(parts.hostname or "")
    except ValueError:
        return None
    stray = "#" in text or "@" in parts.netloc or parts.netloc.endswith(":")
    return parts if good and not stray else None
