"""Tokens of ours, verified from the served JWK Set by libraries that know nothing of us."""

import json
import shutil
import subprocess
from pathlib import Path

import httpx
import jwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet
from support.server import Server

JOSE = "jose@6.2.17"
JWK_SET = "/.well-known/jwks.json"
WITH_JOSE = """
import { createRemoteJWKSet, jwtVerify } from "jose"
const [url, token, audience] = JSON.parse(process.env.VERIFY)
const { payload, protectedHeader } = await jwtVerify(
  token, createRemoteJWKSet(new URL(url)), { algorithms: ["RS512"], audience })
console.log(JSON.stringify({ subject: payload.unique_name, kid: protectedHeader.kid }))
"""


def token_of(server: Server, kind: str) -> str:
    pair = server.pair("alice")
    return {"access": pair.access_token, "refresh": pair.refresh_token}[kind]


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_pyjwt_verifies_both_tokens_from_the_jwk_set(server: Server, kind: str) -> None:
    token = token_of(server, kind)
    key = jwt.PyJWKClient(server.url + JWK_SET).get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, algorithms=["RS512"], audience=kind)
    assert claims["unique_name"] == "alice"


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_joserfc_verifies_both_tokens_from_the_jwk_set(
    server: Server, client: httpx.Client, kind: str
) -> None:
    token = token_of(server, kind)
    keys = KeySet.import_key_set(client.get(JWK_SET).json())
    verified = joserfc_jwt.decode(token, keys, algorithms=["RS512"])
    joserfc_jwt.JWTClaimsRegistry(aud={"essential": True, "value": kind}).validate(verified.claims)
    assert verified.claims["unique_name"] == "alice"


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_jose_verifies_both_tokens_from_the_jwk_set(server: Server, jose: Path, kind: str) -> None:
    token = token_of(server, kind)
    node = shutil.which("node")
    assert node is not None
    verified = subprocess.run(
        [node, "--input-type=module", "--eval", WITH_JOSE],
        cwd=jose,
        env={"VERIFY": json.dumps([server.url + JWK_SET, token, kind])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["subject"] == "alice"
