"""The grants of the RFC 6749 spelling: who may use which, and what each leads to."""

from starlette.responses import Response

from token_server.tokens.clients import NOTHING_MORE, Client, Grant
from token_server.tokens.model import TokenPair
from token_server.tokens.refusals import ClientRefused, GrantNotAllowed, GrantUnsupported
from token_server.tokens.services import Assertions, Tokens
from token_server.web.dialects import form as common
from token_server.web.dialects import rfc6749
from token_server.web.dialects.standard_form import StandardForm
from token_server.web.exchange import ANONYMOUS, Exchange
from token_server.web.token_types import read_exchange


class Grants:
    def __init__(self, *, tokens: Tokens, exchange: Exchange, assertions: Assertions) -> None:
        self._tokens = tokens
        self._exchange = exchange
        self._assertions = assertions

    async def anonymously(self, form: StandardForm, *, peer: str, clients_known: bool) -> Response:
        """As ever; scope and resource are a registered client's to ask for."""
        grant = form.grant
        if grant not in ANONYMOUS:
            raise ClientRefused("no_client_named") if clients_known else GrantUnsupported
        return rfc6749.render(await self._common_pair(grant, form, None, peer))

    async def of(self, client: Client, form: StandardForm, *, peer: str) -> Response:
        """What this client is granted. Raises: Refusal."""
        grant = form.grant
        if not client.may_use(grant):
            raise GrantNotAllowed
        match grant:
            case Grant.CLIENT_CREDENTIALS:
                issued = await self._tokens.client_credentials(client, form.asked)
                return rfc6749.render_alone(issued)
            case Grant.TOKEN_EXCHANGE:
                return await self._exchanged(client, form)
            case Grant.JWT_BEARER:
                return rfc6749.render(await self._handed_over(client, form))
            case _:
                return rfc6749.render(await self._common_pair(grant, form, client, peer))

    async def _common_pair(
        self, grant: Grant, form: StandardForm, client: Client | None, peer: str
    ) -> TokenPair:
        asked = form.asked if client else NOTHING_MORE
        if grant is Grant.PASSWORD:
            who = common.log_in_request(form.members)
            return await self._exchange.log_in(who, peer=peer, client=client, asked=asked)
        shown = common.refresh_request(form.members)
        return await self._exchange.refresh(shown.refresh_token, client=client, asked=asked)

    async def _handed_over(self, client: Client, form: StandardForm) -> TokenPair:
        """Another login system vouches for the subject (RFC 7523 §2.1)."""
        assertion = form.needed("assertion", "The assertion is missing.")
        asserted = await self._assertions(assertion, client=client)
        return await self._tokens.issue(
            asserted.subject,
            of_account=False,
            client=client.limited_to(asserted.scope),
            asked=form.asked,
            foreign=True,
        )

    async def _exchanged(self, client: Client, form: StandardForm) -> Response:
        request = read_exchange(form)
        issued = await self._tokens.exchange(
            client,
            request.subject_token,
            form.asked,
            unverified_actor_token=request.actor_token,
        )
        return rfc6749.render_alone(issued, token_type=request.issued_token_type)
