"""Members of a clients file that decide who may use a grant, and with which tokens."""

import pytest
from support.desk import faults, read, sha256

from token_server.tokens.clients import Grant

PUBLIC = '[[clients]]\nclient_id = "c"\ntoken_endpoint_auth_method = "none"\n'
SECRET = (
    '[[clients]]\nclient_id = "c"\ntoken_endpoint_auth_method = "client_secret_basic"\n'
    f'client_secret_sha256 = ["{sha256("s")}"]\n'
)
EXCHANGES = f'{SECRET}grant_types = ["{Grant.TOKEN_EXCHANGE}"]\n'


@pytest.mark.parametrize("grant", ["client_credentials", Grant.JWT_BEARER, Grant.TOKEN_EXCHANGE])
def test_a_public_client_lists_no_grant_that_needs_a_proof(grant: str) -> None:
    (fault,) = faults(f'{PUBLIC}grant_types = ["{grant}"]')
    assert fault == f" 4: grant_types must not list {grant}: method none (client c)".strip()


@pytest.mark.parametrize(
    ("toml", "fault"),
    [
        (SECRET + 'may_exchange = ["a"]', "5: may_exchange must not be set without the grant urn"),
        (EXCHANGES + 'may_exchange = ["refresh"]', '6: may_exchange must not name "refresh"'),
        (EXCHANGES + 'may_exchange = ["a", "a"]', "6: may_exchange must not name anything twice"),
        (EXCHANGES + 'may_exchange = "a"', "6: may_exchange must be an array of strings"),
    ],
)
def test_a_wrong_may_exchange_is_an_error(toml: str, fault: str) -> None:
    (found,) = faults(toml)
    assert found.startswith(fault)


def test_may_exchange_lists_clients_and_audiences() -> None:
    client = read(EXCHANGES + 'may_exchange = ["portal", "https://a.example"]').clients["c"].client
    assert client.may_exchange == {"portal", "https://a.example"}
    assert read(EXCHANGES).clients["c"].client.may_exchange == frozenset()
