"""Which method a client may use, and what counts as one method."""

from urllib.parse import quote_plus

import pytest
from support.desk import Desk, basic, faults, raw_basic, read, shown

from token_server.tokens.refusals import ClientRefused
from token_server.tokens.services import ShownCredentials

pytestmark = pytest.mark.anyio


async def is_client(desk: Desk, credentials: ShownCredentials, client_id: str) -> bool:
    client = await desk.client(credentials)
    return client is not None and client.client_id == client_id


async def test_a_client_of_both_methods_may_use_either(desk: Desk) -> None:
    assert await is_client(desk, shown(basic("either", "s3cr3t")), "either")
    by_post = shown(client_id="either", client_secret="s3cr3t")
    assert await is_client(desk, by_post, "either")


@pytest.mark.parametrize(
    ("client_id", "secret"),
    [("billing", "s3cr3t"), ("poster", "new"), ("either", "s3cr3t"), ("tri:cky +%", "ä b+c%:&")],
)
async def test_the_same_id_and_secret_in_header_and_body_are_one_method(
    desk: Desk, client_id: str, secret: str
) -> None:
    """lua-resty-openidc sends both."""
    header = raw_basic(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode())
    both = shown(header, client_id=client_id, client_secret=secret)
    assert await is_client(desk, both, client_id)


@pytest.mark.parametrize(
    ("credentials", "because"),
    [
        (
            shown(client_id="billing", client_secret="s3cr3t"),
            "it used client_secret_post, and is registered for client_secret_basic",
        ),
        (
            shown(basic("poster", "old")),
            "it used client_secret_basic, and is registered for client_secret_post",
        ),
        (
            shown(basic("phone-app", "x")),
            "it used client_secret_basic, and is registered for none",
        ),
        (
            shown(client_id="either"),
            "it used none, and is registered for client_secret_basic or client_secret_post",
        ),
        (
            shown(basic("portal", "x"), client_id="portal", client_secret="x"),
            (
                "it used client_secret_basic and client_secret_post, and is registered for"
                " private_key_jwt"
            ),
        ),
    ],
    ids=range(5),
)
async def test_the_audit_log_names_the_registered_method(
    desk: Desk, credentials: ShownCredentials, because: str
) -> None:
    with pytest.raises(ClientRefused) as refused:
        await desk.client(credentials)
    assert refused.value.ids["because"] == because


def test_a_byte_order_mark_before_the_file_is_skipped_and_lines_stay_the_same() -> None:
    public = '[[clients]]\nclient_id = "c"\ntoken_endpoint_auth_method = "none"\n'
    assert read(f"\ufeff{public}").clients.keys() == {"c"}
    assert faults(f"\ufeff{public}x = 1") == ["4: x is not a member (client c)"]


@pytest.mark.parametrize(
    "bad",
    [
        *('"client_secret"', "1", "[]", "[1]", '["none"]', '["private_key_jwt"]', '[""]'),
        *('["client_secret_basic", "none"]', '["client_secret_post", "client_secret_post"]'),
    ],
)
def test_only_the_two_methods_with_a_secret_go_together(bad: str) -> None:
    [fault] = faults(f'[[clients]]\nclient_id = "c"\ntoken_endpoint_auth_method = {bad}')
    assert fault.startswith("3: token_endpoint_auth_method must be one of client_secret_basic")
    assert fault.endswith("or a list of client_secret_basic, client_secret_post (client c)")
