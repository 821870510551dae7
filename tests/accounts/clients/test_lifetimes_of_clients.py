"""A client's lifetimes, beside those of the settings."""

from datetime import timedelta
from pathlib import Path

from msgspec import structs
from support.desk import DEFAULTS, read

from token_server.accounts.clients.file import read_clients

TEXT = """
[[clients]]
client_id = "c"
token_endpoint_auth_method = "none"
access_token_lifetime = "1h"
"""


def test_short_term_follows_a_clients_access_token_unless_the_settings_have_it_otherwise() -> None:
    policy = read(TEXT).clients["c"].client.policy
    assert policy.short_term_refresh_token_lifetime == timedelta(minutes=75)
    set_so = structs.replace(DEFAULTS, short_term_refresh_token_lifetime=timedelta(hours=9))
    policy = read_clients(TEXT.encode(), set_so, file=Path("f")).clients["c"].client.policy
    assert policy.short_term_refresh_token_lifetime == timedelta(hours=9)
