"""The steps that all dialects share, once a request is understood: refresh, and log in."""

from token_server.tokens.clients import NOTHING_MORE, Asked, Client
from token_server.tokens.model import TokenPair
from token_server.tokens.profiles import ClaimsAbout
from token_server.tokens.refusals import TokenRefused
from token_server.tokens.services import LogIn, Tokens
from token_server.web.dialects.dialect import LogInRequest
from token_server.web.repeats import RepeatedRefusals


class Exchange:
    """A refresh token, or a user name and a password, for a pair."""

    def __init__(self, *, tokens: Tokens, log_in: LogIn, repeats: RepeatedRefusals) -> None:
        self._tokens = tokens
        self._log_in = log_in
        self._repeats = repeats

    async def refresh(
        self,
        refresh_token: str,
        *,
        client: Client | None = None,
        asked: Asked = NOTHING_MORE,
        claims_about: ClaimsAbout | None = None,
    ) -> TokenPair:
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


def _shown(refresh_token: str, client: Client | None) -> str:
    """Counted by who shows it: no other client can have the one refused whose token it is."""
    # No client_id holds a NUL.
    return f"{client.client_id}\0{refresh_token}" if client else refresh_token
