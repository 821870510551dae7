"""Tokens signed at once, for tests that have no event loop to wait on."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA512

from token_server.signing import jws
from token_server.tokens.model import Kid, TokenType, Unsigned
from token_server.tokens.ports import Signer


def compact(header: str, claims: Mapping[str, object], key: RSAPrivateKey) -> str:
    return signed_one(jws.signing_input(header, claims), key)


def signed_one(signing_input: str, key: RSAPrivateKey) -> str:
    """By cryptography alone."""
    signature = key.sign(signing_input.encode(), PKCS1v15(), SHA512())
    return jws.compact(signing_input, signature)


def signed_now(
    signer: Signer,
    claims: Mapping[str, object],
    *,
    kid: Kid,
    now: datetime,
    typ: TokenType = TokenType.JWT,
) -> str:
    async def signed() -> str:
        (token,) = await signer.sign(Unsigned(claims, typ), kid=kid, now=now)
        return token

    return asyncio.run(signed())
