"""The MAC of a keyset's text covers every byte of it, and needs the passphrase."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.keys import fresh_keyset

from token_server.signing import keyset_file, keyset_mac
from token_server.signing.keyset_mac import NoMac, WrongMac

PASSPHRASE = b"a passphrase of a test"
SALT = bytes(range(16))
TEXT = keyset_file.write(fresh_keyset()).encode()
SEALED = keyset_mac.with_mac(TEXT, PASSPHRASE, SALT)


def test_a_text_with_its_mac_is_verified_and_is_the_same_keyset() -> None:
    assert keyset_mac.verify(SEALED, PASSPHRASE) == SALT
    assert keyset_file.read(SEALED.decode()) == fresh_keyset()


def test_an_earlier_release_reads_a_text_with_a_mac() -> None:
    document = json.loads(SEALED)
    assert (document["version"], len(document["keys"])) == (1, 2)


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(at: int, bits: int) -> None:
    changed = bytearray(SEALED)
    changed[at] ^= bits
    with pytest.raises((NoMac, WrongMac)):
        keyset_mac.verify(bytes(changed), PASSPHRASE)


@pytest.mark.parametrize("text", [TEXT, b"", b"{", SEALED + b" ", SEALED[:-1], SEALED[:300]])
def test_a_text_that_does_not_end_in_a_mac_has_none(text: bytes) -> None:
    with pytest.raises(NoMac):
        keyset_mac.verify(text, PASSPHRASE)


@pytest.mark.parametrize("passphrase", [b"", PASSPHRASE[:-1], PASSPHRASE + b" "])
def test_another_passphrase_verifies_nothing(passphrase: bytes) -> None:
    with pytest.raises(WrongMac):
        keyset_mac.verify(SEALED, passphrase)


def test_what_stands_before_and_behind_a_genuine_text_is_covered() -> None:
    for text in (b"\n" + SEALED, SEALED.replace(b'"mac"', b'"x": 1,\n  "mac"'), SEALED + SEALED):
        with pytest.raises((NoMac, WrongMac)):
            keyset_mac.verify(text, PASSPHRASE)
