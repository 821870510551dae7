"""The system's randomness."""

from token_server.system import RandomIds


def test_attempts_are_numbers_that_the_store_keeps_as_such_and_no_two_are_alike() -> None:
    servers = [RandomIds() for _ in range(50)]
    attempts = [server.attempt() for server in servers for _ in range(20)]
    assert len(set(attempts)) == len(attempts)
    assert all(attempt == str(int(attempt)) for attempt in attempts)
    assert all(0 <= int(attempt) < 2**63 for attempt in attempts)
