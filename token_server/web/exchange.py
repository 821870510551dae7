"""The steps that all dialects share, once a request is understood: refresh, and log in."""

from collections.abc import Collection

from token_server.tokens.clients import NOTHING_MORE, Asked, Client, Grant
from token_server.tokens.model import TokenPair
from token_server.tokens.profiles import ClaimsAbout
from token_server.tokens.refusals import GrantNotAllowed, TokenRefused
from token_server.tokens.services import LogIn, Tokens
from token_server.web.dialects.dialect import LogInRequest
from token_server.web.repeats import RepeatedRefusals

ANONYMOUS = frozenset({Grant.REFRESH_TOKEN, Grant.PASSWORD})
"""The grants that may be on for requests without a registered client."""


class Exchange:
    """A refresh token, or a user name and a password, for a pair; in one dialect.

    `anonymous`: the grants that are on there for requests without a client.
    """

    def __init__(
        self,
        *,
        tokens: Tokens,
        log_in: LogIn,
        repeats: RepeatedRefusals,
        anonymous: Collection[Grant],
    ) -> None:
        self._tokens = tokens
        self._log_in = log_in
        self._repeats = repeats
        self._anonymous = anonymous

    async def refresh(
        self,
        refresh_token: str,
        *,
        client: Client | None = None,
        asked: Asked = NOTHING_MORE,
        claims_about: ClaimsAbout | None = None,
    ) -> TokenPair:
        self._check_on(Grant.REFRESH_TOKEN, client)
        shown = _shown(refresh_token, client)
        self._repeats.check(shown)
        try:
            return await self._tokens.refresh(
                refresh_token, client=client, asked=asked, claims_about=claims_about
            )
        except TokenRefused:
            self._repeats.note(shown)
            raise

    async def log_in(  # noqa: PLR0913 - each by its name
        self,
        who: LogInRequest,
        *,
        peer: str,
        reusable: bool = False,
        client: Client | None = None,
        asked: Asked = NOTHING_MORE,
        claims_about: ClaimsAbout | None = None,
    ) -> TokenPair:
        self._check_on(Grant.PASSWORD, client)
        subject = await self._log_in(who.name, who.password, peer=peer)
        return await self._tokens.issue(
            subject,
            of_account=True,
            short_term=who.short_term,
            reusable=reusable,
            client=client,
            asked=asked,
            claims_about=claims_about,
        )

    def _check_on(self, grant: Grant, client: Client | None) -> None:
        """Raises: GrantNotAllowed; what a client may use was looked at before."""
        if client is None and grant not in self._anonymous:
            raise GrantNotAllowed


def _shown(refresh_token: str, client: Client | None) -> str:
    """Counted by who shows it: no other client can have the one refused whose token it is."""
    # No client_id holds a NUL.
    return f"{client.client_id}\0{refresh_token}" if client else refresh_token
