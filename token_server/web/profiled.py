"""The endpoint of the dialects whose answers tell of the subject: read once, one call, answer."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from token_server.spoken import spoken_to
from token_server.tokens.model import Subject
from token_server.tokens.ports import Audit
from token_server.tokens.profiles import Profile, Profiles
from token_server.tokens.refusals import Refusal
from token_server.web.dialects.dialect import LogInRequest, ProfileDialect, RefreshRequest
from token_server.web.exchange import Exchange
from token_server.web.refused import refused
from token_server.web.wire import check_still_there, peer_of, read_sent


class ProfiledEndpoint:
    """One path of one dialect."""

    def __init__(
        self,
        dialect: ProfileDialect,
        *,
        exchange: Exchange,
        profiles: Profiles,
        audit: Audit,
        reusable: bool,
    ) -> None:
        self._dialect = dialect
        self._exchange = exchange
        self._profiles = profiles
        self._audit = audit
        self._reusable = reusable
        """Whether sessions that log in here keep their refresh token."""

    async def __call__(self, request: Request) -> Response:
        dialect, peer = self._dialect, peer_of(request)
        try:
            asked = dialect.parse(await read_sent(request))
            await check_still_there(request)
            spoken_to({**dialect.told, "peer": peer})
            return await self._answer(asked, peer)
        except Refusal as refusal:
            return refused(refusal, request, dialect=dialect, audit=self._audit, peer=peer)

    async def _answer(self, asked: RefreshRequest | LogInRequest, peer: str) -> Response:
        introduced = _Introduced(self._dialect, self._profiles)
        match asked:
            case RefreshRequest(refresh_token=refresh_token):
                pair = await self._exchange.refresh(refresh_token, claims_about=introduced)
            case LogInRequest() as who:
                pair = await self._exchange.log_in(
                    who, peer=peer, reusable=self._reusable, claims_about=introduced
                )
        return self._dialect.render(pair, introduced.profile)


class _Introduced:
    """Looks the subject up once, for its access token and for the answer."""

    def __init__(self, dialect: ProfileDialect, profiles: Profiles) -> None:
        self._dialect = dialect
        self._profiles = profiles
        self.profile = Profile(subject=Subject(""))

    async def __call__(self, subject: Subject) -> Mapping[str, object]:
        self.profile = await self._profiles(subject)
        return self._dialect.claims(self.profile)
