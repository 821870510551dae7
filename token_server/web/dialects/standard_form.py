"""A form of the RFC 6749 spelling: its members, its client's credentials, what it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers

from token_server.tokens.clients import Asked, Grant
from token_server.tokens.refusals import GrantUnsupported, RequestMalformed
from token_server.tokens.services import ShownCredentials
from token_server.web.wire import Fields, comparable, members

# RFC 8707 §2, RFC 8693 §2.1: of all members, these may be given more than once.
REPEATABLE = {"resource", "audience"}
_GRANTS = {comparable(grant): grant for grant in Grant}


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardForm:
    """Each member by its comparable name."""

    members: Mapping[str, str] = field(repr=False)
    resources: tuple[str, ...]

    def needed(self, name: str, fault: str) -> str:
        """Raises: RequestMalformed, in these words, where the member is not there."""
        value = self.members.get(comparable(name))
        if value is None:
            raise RequestMalformed(fault)
        return value

    @property
    def grant(self) -> Grant:
        """Raises: RequestMalformed, GrantUnsupported."""
        named = comparable(self.members.get("granttype", ""))
        if not named:
            # Clients in the wild log in without naming a grant.
            if "username" in self.members and "password" in self.members:
                return Grant.PASSWORD
            raise RequestMalformed("The grant type is missing.")
        if named not in _GRANTS:
            raise GrantUnsupported
        return _GRANTS[named]

    @property
    def asked(self) -> Asked:
        return Asked(scope=self.members.get("scope"), resources=self.resources)

    def credentials(self, headers: Headers, *, endpoint: str, peer: str) -> ShownCredentials:
        return ShownCredentials(
            authorization=tuple(headers.getlist("authorization")),
            client_id=self.members.get("clientid"),
            client_secret=self.members.get("clientsecret"),
            client_assertion=self.members.get("clientassertion"),
            client_assertion_type=self.members.get("clientassertiontype"),
            endpoint=endpoint,
            peer=peer,
        )


def read(fields: Fields) -> StandardForm:
    """Raises: RequestMalformed."""
    return StandardForm(
        members=members([each for each in fields if comparable(each[0]) not in REPEATABLE]),
        resources=tuple(
            value for name, value in fields if comparable(name) in REPEATABLE and value
        ),
    )
