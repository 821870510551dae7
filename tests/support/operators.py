"""The operator of an app that runs in this process: changes its keyset, and sees it picked up."""

import asyncio
import base64
import json
import os
import signal
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from support.worlds import World
from token_server.signing import rotation
from token_server.signing.keeper import Command
from token_server.signing.keystore import KeysDirectory
from token_server.signing.lifecycle import Keyset, active
from token_server.signing.outcomes import Revocation
from token_server.signing.rotation import KeyPolicy, Step
from token_server.tokens.model import Kid

GRACE = timedelta(seconds=60)
POLICY = KeyPolicy(propagation_period=timedelta(hours=1), rotation_interval=timedelta(days=90))


@dataclass
class Operator:
    world: World
    directory: KeysDirectory
    folder: Path

    @property
    def keyset(self) -> Keyset:
        return self.directory.load()

    @property
    def active(self) -> Kid:
        return active(self.keyset, self.world.clock()).kid

    def private(self, kid: Kid) -> RSAPrivateKey:
        key = load_pem_private_key((self.folder / f"{kid}.pem").read_bytes(), None)
        assert isinstance(key, RSAPrivateKey)
        return key

    async def rotate(self) -> None:
        """Once the pending key has been public for the propagation period."""
        await self._change(partial(rotation.rotate, policy=POLICY, at_once=True))

    async def revoke(self, kid: Kid) -> None:
        await self._change(partial(revoke, kid))

    async def _change(self, command: Command[Any]) -> None:
        changed = self.directory.change(
            command, key_size=2048, clock=self.world.clock, grace_period=GRACE
        )
        assert changed.announced
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(10):
            while changed.announced not in await self._published():  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0)

    async def _published(self) -> list[str]:
        answer = await self.world.client.get("/.well-known/jwks.json")
        return [key["kid"] for key in answer.json()["keys"]]


def _revoke(kid: Kid, keyset: Keyset, now: Any) -> Any:  # noqa: ANN401 - a Command
    return rotation.revoke(keyset, kid, now, POLICY)


def revoke(kid: Kid, keyset: Keyset, now: datetime) -> Step[Revocation]:
    return rotation.revoke(keyset, kid, now, POLICY)


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims."""
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]
    )
    return header, claims


def kids_of(pair: dict[str, Any]) -> set[str]:
    return {parts(pair[name])[0]["kid"] for name in ("access_token", "refresh_token")}
