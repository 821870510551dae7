"""The rules on a real store with real keys, without HTTP, by a clock that tests move."""

import json
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any

from redis.asyncio import Redis

from support.client_desk import BILLING, READER, client
from support.keys import GRACE, private_key, private_keys, public_key
from support.moments import MovableClock
from support.operators import parts
from support.reloading import HOUR
from support.sessions import POLICY, sessions_on
from support.signing import compact
from token_server.audit import AuditLog
from token_server.signing import jws
from token_server.signing.lifecycle import Keyset, SigningKey, first_keyset
from token_server.signing.live import Keys, LiveKeys
from token_server.store.engine import Engine
from token_server.store.key_expiries import StoredKeyExpiries
from token_server.store.memory import load_secret
from token_server.system import RandomIds
from token_server.tokens.clients import AccessTokenFormat, Client
from token_server.tokens.identity import TokenIds
from token_server.tokens.model import Kid, Subject, TokenPair, TokenType
from token_server.tokens.rules import TokenRules

ALICE = Subject("alice")
ISSUER = "https://issuer.example"
INVOICES, PROFILE = "https://invoices.example", "https://profile.example"
PORTAL = client("portal", scope="profile invoices:read", audiences=(INVOICES, PROFILE))
MODERN = replace(BILLING, access_token_format=AccessTokenFormat.AT_JWT)
WATCHER = replace(client("watcher"), introspects_any=True)


class LoneServer(LiveKeys):
    """No other server changes its keyset, unless a test says so."""

    is_current = True
    newer: Keys | None = None
    """What another server has made of the keyset."""

    async def look_for_key_of(self, _unverified_token: str) -> bool:
        return await self.catch_up()

    async def catch_up(self) -> bool:
        if self.newer:
            self.take(self.newer)
        return self.is_current


@dataclass
class RuleBook:
    rules: TokenRules
    keys: LoneServer
    clock: MovableClock
    redis: Redis
    audit_lines: StringIO
    registered: dict[str, Client]
    """As the clients file has them now."""

    async def issue(self, **asked: Any) -> TokenPair:  # noqa: ANN401 - as the rules
        return await self.rules.issue(ALICE, of_account=False, **asked)

    def signed(self, claims: dict[str, Any], typ: TokenType = TokenType.JWT) -> str:
        """By our own active key, whatever it says."""
        return compact(jws.header_of(public_key(0).kid, typ), claims, private_key(0))

    def revoke_the_key(self) -> Kid:
        """The one that signs from now on."""
        now, (first, second) = self.clock(), self.keys.keys.keyset.keys
        revoked = replace(first, stops_at=now, revoked_at=now)
        third = SigningKey(public=public_key(2), announced_at=now)
        keyset = Keyset(keys=(revoked, replace(second, signs_from=now), third))
        self.keys.take(Keys(keyset=keyset, private_keys=private_keys(1, 2)))
        return second.kid

    @property
    def facts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.audit_lines.getvalue().splitlines()]


async def open_rule_book(redis: Redis) -> RuleBook:
    clock, lines, engine = MovableClock(), StringIO(), Engine(redis, waits_for_fsync=False)
    keyset = first_keyset(active=public_key(0), pending=public_key(1), now=clock())
    keys = LoneServer(
        Keys(keyset=keyset, private_keys=private_keys(0, 1)),
        grace_period=GRACE,
        propagation_period=HOUR,
    )
    registered: dict[str, Client] = {
        each.client_id: each for each in (BILLING, READER, PORTAL, WATCHER)
    }
    rules = TokenRules(
        store=await sessions_on(redis),
        signer=keys,
        keyset_watch=keys,
        key_expiries=StoredKeyExpiries(engine, propagation_period=HOUR),
        clock=clock,
        ids=RandomIds(),
        token_ids=TokenIds(await load_secret(engine)),
        audit=AuditLog(lines, clock=clock),
        policy=POLICY,
        issuer=ISSUER,
        find_client=registered.get,
    )
    return RuleBook(rules, keys, clock, redis, lines, registered)


def short(case: object) -> str:
    """A name for a case that is the same in every process."""
    return case.client_id if isinstance(case, Client) else str(case)


def header_of(token: str) -> dict[str, Any]:
    return parts(token)[0]


def claims_of(token: str) -> dict[str, Any]:
    return parts(token)[1]
