"""The composition root: settings in, ASGI app out. The one room that knows everybody."""

from token_server.app.core import Core, open_core_alone
from token_server.app.keys import keys_keeper
from token_server.app.server import open_app, prepare
from token_server.app.store import accounts_on, meet_store, open_engine, session_ends

__all__ = [
    "Core",
    "accounts_on",
    "keys_keeper",
    "meet_store",
    "open_app",
    "open_core_alone",
    "open_engine",
    "prepare",
    "session_ends",
]
