"""Token ids are derived: the same ones every time, and only for who has the store secret."""

import hmac
import re
import uuid

import pytest

from token_server.tokens.identity import TokenIds
from token_server.tokens.model import SessionId

SECRET = bytes(range(32))
SID, OTHER = SessionId("A" * 22), SessionId("B" * 22)
UUID_V4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture
def ids() -> TokenIds:
    return TokenIds(SECRET)


@pytest.mark.parametrize("generation", range(40))
def test_it_is_hmac_sha_256_as_anybody_computes_it(ids: TokenIds, generation: int) -> None:
    digest = hmac.digest(SECRET, f"refresh:{SID}:{generation}".encode(), "sha256")
    assert ids.of_refresh_token(SID, generation) == str(uuid.UUID(bytes=digest[:16], version=4))


def test_an_id_is_a_lower_case_uuid_v4(ids: TokenIds) -> None:
    for generation in range(50):
        token_id = ids.of_refresh_token(SID, generation)
        assert UUID_V4.fullmatch(token_id)
        assert uuid.UUID(token_id).version == 4


def test_the_derivation_never_changes(ids: TokenIds) -> None:
    """An upgrade that derived otherwise would log everybody out."""
    assert ids.of_refresh_token(SID, 0) == "d8fca1da-a0a6-4e73-b859-11f531dce087"
    assert ids.of_access_token(SID, 0) == "87c48755-bae2-47c8-a719-ca604793fb17"


def test_every_session_generation_kind_and_secret_has_ids_of_its_own(ids: TokenIds) -> None:
    made = {
        derive(sid, generation)
        for one in (ids, TokenIds(SECRET[::-1]))
        for derive in (one.of_refresh_token, one.of_access_token)
        for sid in (SID, OTHER)
        for generation in (0, 1, 10, 11)
    }
    assert len(made) == 2 * 2 * 2 * 4


def test_only_the_derived_id_fits(ids: TokenIds) -> None:
    genuine = ids.of_refresh_token(SID, 3)
    assert ids.is_refresh_token(genuine, SID, 3)
    for forged in (genuine.upper(), genuine[:-1], "", "\udc80", ids.of_access_token(SID, 3)):
        assert not ids.is_refresh_token(forged, SID, 3)
    assert not ids.is_refresh_token(genuine, SID, 4)
    assert not ids.is_refresh_token(genuine, OTHER, 3)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_secret_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        TokenIds(bytes(length))
