"""Promise four as random histories: no token that cannot be verified, whatever operators do.

Operators' commands, servers that notice late, verifiers that cache for as long as they may, and
clocks that differ by as much as the leeway.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from support.key_histories import Command, public
from support.key_world import GRACE, Server, Token, Verifier, World, signing_times

from token_server.signing.lifecycle import KeyState, next_change, state
from token_server.signing.rotation import KeyPolicy, Role, admit, revoke, rotate
from token_server.tokens.model import LEEWAY

# They need no store, so the profiles of conftest.py can afford more of them.
HISTORIES = 5000 if settings().max_examples >= 300 else 200

skews = st.sampled_from([0, 0, 1, 15, 29, 30, 30]).map(lambda seconds: timedelta(seconds=seconds))
shares = st.sampled_from([0, 0.5, 1, 1])


@dataclass
class History:
    world: World
    servers: list[Server]
    verifiers: list[Verifier]
    tokens: list[Token] = field(default_factory=list)

    def server(self, number: int) -> Server:
        server = self.servers[number % len(self.servers)]
        server.catch_up()
        return server

    def sign(self, number: int, lifetime: timedelta) -> None:
        server = self.server(number)
        states = [state(server.keyset, key, server.clock) for key in server.keyset.keys]
        assert states.count(KeyState.ACTIVE) == 1
        self.tokens.append(server.sign(lifetime))

    def repeat(self, number: int) -> None:
        """A pair that may have been spent just now, within the grace period."""
        server = self.server(number)
        recent = [token for token in self.tokens if server.clock < token.issued_at + GRACE]
        self.tokens += [server.repeat(token) for token in recent[:1]]

    def verify_all(self, number: int) -> None:
        server = self.server(number)
        verifier = self.verifiers[number % len(self.verifiers)]
        self.tokens = [token for token in self.tokens if self.is_alive(token)]
        for token in self.tokens:
            if self.must_be_good(token) and verifier.thinks_alive(token):
                assert verifier.verifies(token, server), f"{token} is not in the JWK Set"
                assert server.verifies(token), f"{token} is refused by a server"

    def is_alive(self, token: Token) -> bool:
        return any(verifier.thinks_alive(token) for verifier in self.verifiers)

    def wait(self, length: timedelta) -> None:
        self.world.now += length

    def wait_for_change(self, number: int, jitter: timedelta) -> None:
        """Until just before or after a key next changes its state, on a server's clock."""
        server = self.server(number)
        change = next_change(server.keyset, server.clock)
        if change:
            self.world.now = max(self.world.now, change - server.ahead + jitter)

    def must_be_good(self, token: Token) -> bool:
        key = self.world.keyset.find(token.kid)
        assert key is not None
        excused_until = self.world.excused.get(token.kid, self.world.now)
        return key.revoked_at is None and self.world.now >= excused_until

    def command(self, number: int, which: str) -> None:
        policy, keys = self.world.policy, self.world.keyset.keys
        # The keys that were made last are the ones in use.
        kid = keys[max(0, len(keys) - 1 - number % 4)].kid
        name = public(f"imported {len(keys)}")
        commands: dict[str, Command] = {
            "rotate": partial(rotate, policy=policy),
            "rotate --now": partial(rotate, policy=policy, at_once=True),
            "revoke": lambda keyset, now: revoke(keyset, kid, now, policy),
            "import --as active": lambda keyset, now: admit(
                keyset, name, Role.ACTIVE, now, policy
            ),
            "import --as pending": lambda keyset, now: admit(
                keyset, name, Role.PENDING, now, policy
            ),
        }
        ahead = self.servers[number % len(self.servers)].ahead
        self.world.command(ahead, commands[which])
        self.check_keys(ahead)

    def destroy(self, number: int) -> None:
        ahead = self.servers[number % len(self.servers)].ahead
        self.world.destroy(ahead)
        self.check_keys(ahead)

    def check_keys(self, ahead: timedelta) -> None:
        times = list(signing_times(self.world.keyset))
        assert times[-1][1] is None
        for (_, stops_at), (signs_from, _) in pairwise(times):
            assert stops_at is not None
            assert stops_at <= signs_from, "two keys sign at once"
        on_disk = self.world.disks[-1][1]
        for key in self.world.keyset.keys:
            stopped = key.stops_at and self.world.now + ahead >= key.stops_at + GRACE + LEEWAY
            assert not (key.kid in on_disk and (key.revoked_at or stopped)), "kept past its time"


@st.composite
def histories(draw: st.DrawFn) -> History:
    propagation_period = draw(st.sampled_from([4 * LEEWAY, timedelta(hours=1)]))
    world = World(
        KeyPolicy(propagation_period=propagation_period, rotation_interval=6 * propagation_period)
    )
    pick_up = world.policy.pick_up_period
    servers = [
        Server(world, ahead=draw(skews), lag=draw(shares) * pick_up)
        for _ in range(draw(st.integers(1, 3)))
    ]
    verifiers = [Verifier(world, ahead=draw(skews)) for _ in range(2)]
    return History(world, servers, verifiers)


WHAT = [
    *["rotate --now"] * 4,
    *["rotate", "revoke", "import --as active", "import --as pending"],
    *["repeat", "destroy", "restart", "nothing"] * 2,
]
numbers = st.integers(0, 11)
# In propagation periods.
waits = st.sampled_from([0.02, 0.1, 0.1, 0.25, 0.25, 0.3, 0.5, 0.75, 1, 7])
lifetimes = st.sampled_from([0.1, 0.5, 1, 3])
jitters = st.sampled_from([-30, -1, 0, 1, 15, 30, 45, 60, 75, 90]).map(
    lambda seconds: timedelta(seconds=seconds)
)


@dataclass(frozen=True)
class Happening:
    after: float | timedelta
    what: str
    number: int
    signed_by: int
    lifetime: float
    verified_by: int


happenings = st.builds(
    Happening,
    after=waits | jitters,
    what=st.sampled_from(WHAT),
    number=numbers,
    signed_by=numbers,
    lifetime=lifetimes,
    verified_by=numbers,
)


@settings(max_examples=HISTORIES)
@given(history=histories(), happened=st.lists(happenings, min_size=5, max_size=20))
def test_whatever_happens_no_token_is_ever_unverifiable_inside_its_life(
    history: History, happened: list[Happening]
) -> None:
    propagation_period = history.world.policy.propagation_period
    for one in happened:
        if isinstance(one.after, timedelta):
            history.wait_for_change(one.number, one.after)
        else:
            history.wait(one.after * propagation_period)
        history.verify_all(one.verified_by)
        match one.what:
            case "repeat":
                history.repeat(one.number)
            case "destroy":
                history.destroy(one.number)
            case "restart":
                history.server(one.number).restart()
            case "nothing":
                pass
            case _:
                history.command(one.number, one.what)
        history.sign(one.signed_by, one.lifetime * propagation_period)
        history.verify_all(one.verified_by)
