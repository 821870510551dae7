"""Outside verifiers of access tokens, each as its users run it; none knows anything of us."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import httpx
import jwt
from joserfc import jwt as joserfc_jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

DEFAULT_COOLDOWN = 30
"""For so many seconds PyJWT and jose do not fetch again, whatever kid they meet."""
JWK_SET = "/.well-known/jwks.json"
WITH_JOSE = """
import { createInterface } from "node:readline"
import { createRemoteJWKSet, jwtVerify } from "jose"
const [url, cooldown] = process.argv.slice(1)
const keys = createRemoteJWKSet(new URL(url), { cooldownDuration: 1000 * Number(cooldown) })
for await (const token of createInterface({ input: process.stdin })) {
  try {
    await jwtVerify(token, keys, { algorithms: ["RS512"], audience: "access" })
    console.log("")
  } catch (fault) {
    console.log(fault.code ?? String(fault))
  }
}
"""


class Verifier(Protocol):
    name: str

    async def fault_in(self, token: str) -> str | None:
        """Why it does not take this access token; None: it does."""


class Joserfc:
    """joserfc over httpx, which keeps the JWK Set exactly as long as `Cache-Control` allows.

    It asks another server each time, and never again only because a kid is unknown.
    """

    name = "joserfc"

    def __init__(self, urls: Sequence[str]) -> None:
        self._client = httpx.AsyncClient()
        self._urls = list(urls)
        self._keys = KeySet([])
        self._etag: str | None = None
        self._stale_at = 0.0
        self.fetched = 0
        self.not_modified = 0

    async def fault_in(self, token: str) -> str | None:
        if time.monotonic() >= self._stale_at:
            await self._fetch()
        try:
            verified = joserfc_jwt.decode(token, self._keys, algorithms=["RS512"])
            registry = joserfc_jwt.JWTClaimsRegistry(aud={"essential": True, "value": "access"})
            registry.validate(verified.claims)
        except (JoseError, ValueError) as fault:
            return f"{type(fault).__name__}: {fault}"
        return None

    async def close(self) -> None:
        await self._client.aclose()

    async def _fetch(self) -> None:
        asked_at = time.monotonic()
        self._urls.append(self._urls.pop(0))
        headers = {"If-None-Match": self._etag} if self._etag else {}
        answer = await self._client.get(self._urls[0] + JWK_SET, headers=headers)
        self.fetched += 1
        if answer.status_code == 304:
            self.not_modified += 1
        else:
            self._keys = KeySet.import_key_set(answer.json())
            self._etag = answer.headers["ETag"]
        self._stale_at = asked_at + int(answer.headers["Cache-Control"].rpartition("=")[2])


class PyJwt:
    """PyJWT's own client of JWK Sets."""

    name = "PyJWT"

    def __init__(self, url: str, *, cooldown: float) -> None:
        self._keys = jwt.PyJWKClient(url + JWK_SET, cooldown_duration=cooldown)

    async def fault_in(self, token: str) -> str | None:
        return await asyncio.to_thread(self._fault_in, token)

    def _fault_in(self, token: str) -> str | None:
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            jwt.decode(token, key, algorithms=["RS512"], audience="access")
        except jwt.PyJWTError as fault:
            return f"{type(fault).__name__}: {fault}"
        return None


class Jose:
    """npm's jose in a Node.js of its own."""

    name = "jose"

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._one_at_a_time = asyncio.Lock()

    async def fault_in(self, token: str) -> str | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._one_at_a_time:
            self._process.stdin.write(f"{token}\n".encode())
            line = await self._process.stdout.readline()
        assert line, "Node.js is gone"
        return line.decode().strip() or None


@asynccontextmanager
async def jose_verifier(folder: Path, url: str, *, cooldown: float) -> AsyncIterator[Jose]:
    process = await asyncio.create_subprocess_exec(
        *("node", "--input-type=module", "--eval", WITH_JOSE, "--", url + JWK_SET, str(cooldown)),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Jose(process)
    finally:
        process.kill()
        await process.wait()
