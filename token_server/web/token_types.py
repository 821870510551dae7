"""Token exchange: which kinds of token may be shown and asked for (RFC 8693 §2.1, §3)."""

from dataclasses import dataclass, field

from token_server.tokens.refusals import RequestMalformed
from token_server.web.dialects.standard_form import StandardForm

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a kind of token
JWT = "urn:ietf:params:oauth:token-type:jwt"
_OURS = {ACCESS_TOKEN, JWT}
"""Our access tokens are both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRequest:
    subject_token: str = field(repr=False)
    actor_token: str | None = field(repr=False)
    issued_token_type: str
    """As it was asked for."""


def read_exchange(form: StandardForm) -> ExchangeRequest:
    """Raises: RequestMalformed."""
    subject_token = form.needed("subject_token", "The subject token is missing.")
    _check_type(form, "subject_token_type")
    actor_token = form.members.get("actortoken")
    if actor_token is not None:
        _check_type(form, "actor_token_type")
    elif "actortokentype" in form.members:
        # RFC 8693 §2.1: it MUST NOT be there without the token.
        raise RequestMalformed("A token type is given without its token.")
    requested = form.members.get("requestedtokentype", ACCESS_TOKEN)
    if requested not in _OURS:
        raise RequestMalformed("The requested token type is not supported.")
    return ExchangeRequest(
        subject_token=subject_token, actor_token=actor_token, issued_token_type=requested
    )


def _check_type(form: StandardForm, name: str) -> None:
    if form.needed(name, "A token type is missing.") not in _OURS:
        raise RequestMalformed("A token type is not supported.")
