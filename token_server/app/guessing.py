"""The budgets of guesses, with their figures (SECURITY.md states them)."""

from datetime import timedelta

from token_server.accounts.clients.secret_guesses import SecretGuesses
from token_server.accounts.guess_limits import GuessLimits, Limiters
from token_server.store.attempts import Attempts
from token_server.store.engine import Engine
from token_server.store.known_networks import StoredKnownNetworks


def log_in_limits(engine: Engine) -> GuessLimits:
    limiters = Limiters(
        pair=Attempts(engine, burst=100, interval=timedelta(seconds=6)),
        slowed_pair=Attempts(engine, burst=10, interval=timedelta(minutes=10)),
        network=Attempts(engine, burst=200, interval=timedelta(seconds=3)),
        account=Attempts(engine, burst=100, interval=timedelta(hours=1)),
        known_pair=Attempts(engine, burst=20, interval=timedelta(milliseconds=500)),
        known_pair_in_all=Attempts(engine, burst=3600, interval=timedelta(seconds=30)),
    )
    return GuessLimits(limiters, known_networks=StoredKnownNetworks(engine, kind="account"))


def secret_guesses(engine: Engine) -> SecretGuesses:
    limiter = Attempts(engine, burst=100, interval=timedelta(seconds=6))
    return SecretGuesses(limiter, known_networks=StoredKnownNetworks(engine, kind="client"))
