"""The core that every dialect and the CLI call, put together."""

from token_server.tokens.explanation import ExplanationRules
from token_server.tokens.grants import GrantRules
from token_server.tokens.sessions import SessionRules


class TokenRules(SessionRules, GrantRules, ExplanationRules):
    """The Tokens of services.py."""
