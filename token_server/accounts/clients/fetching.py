"""One GET of a JWK Set, at an address that an operator named: bounded in time, size and reach.

* https only, the certificate is checked for the name in the file; http for loopback addresses.
* The name is resolved here, and the connection goes to an address that was looked at: a name that
  leads to this machine or into a private network is refused, whoever holds its DNS. What the file
  itself names by a loopback or a private address is as its operator wants it.
* No redirect is followed, no proxy is asked, nothing is sent but the request.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import httpx

from token_server import strict_json
from token_server.accounts.clients.jwks import public_keys_among
from token_server.accounts.clients.public_addresses import (
    Address,
    is_loopback_address,
    is_public,
)
from token_server.accounts.clients.registered import JwksUri, VerificationKey
from token_server.host_names import is_loopback
from token_server.problems import Problem

LARGEST_SET = 256 * 1024
WITHIN_SECONDS = 3.0
MOST_ADDRESSES = 4


class JwksFetcher:
    def __init__(
        self,
        *,
        within_seconds: float = WITHIN_SECONDS,
        trust: Callable[[], ssl.SSLContext] = httpx.create_ssl_context,
    ) -> None:
        self._within_seconds = within_seconds
        self._trust = trust

    async def __call__(self, uri: JwksUri) -> tuple[VerificationKey, ...]:
        """Raises: Problem."""
        try:
            async with asyncio.timeout(self._within_seconds):
                keys = tuple(public_keys_among(strict_json.read_document(await self._get(uri))))
        except TimeoutError:
            raise _unusable(uri, f"no answer within {self._within_seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as fault:
            raise _unusable(uri, type(fault).__name__) from fault
        except ValueError as fault:
            raise _unusable(uri, f"no JWK Set: {fault}") from None
        if not keys:
            raise _unusable(uri, "no public key in it that can be used")
        return keys

    async def _get(self, uri: JwksUri) -> bytes:
        """Raises: ValueError, httpx.HTTPError, OSError."""
        parts = urlsplit(uri)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        first, *others = await _addresses_of(parts.hostname or "", port)
        for address in (first, *others[: MOST_ADDRESSES - 1]):
            with suppress(httpx.ConnectError):
                return await self._get_from(address, uri, parts)
        raise httpx.ConnectError("none of its addresses can be connected to")

    async def _get_from(self, address: Address, uri: JwksUri, parts: SplitResult) -> bytes:
        async with (
            httpx.AsyncClient(verify=self._ssl, trust_env=False, follow_redirects=False) as client,
            client.stream(
                "GET",
                httpx.URL(uri).copy_with(host=str(address)),
                headers={
                    "Host": parts.netloc,
                    "Accept": "application/jwk-set+json, application/json",
                    # What is unpacked has no size that could be told before.
                    "Accept-Encoding": "identity",
                },
                extensions={"sni_hostname": parts.hostname},
                timeout=self._within_seconds,
            ) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise ValueError(f"the status is {answer.status_code}")
            body = b""
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > LARGEST_SET:
                    raise ValueError(f"more than {LARGEST_SET} bytes")
        return body

    @cached_property
    def _ssl(self) -> ssl.SSLContext:
        return self._trust()


async def _addresses_of(host: str, port: int) -> list[Address]:
    """Where to connect, one at least. Raises: ValueError, where it must not; OSError."""
    with suppress(ValueError):
        return [ip_address(host)]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ip_address(str(sockaddr[0])) for *_, sockaddr in found]
    may_be = is_loopback_address if is_loopback(host) else is_public
    # All of them: who mixes public with private ones waits for us to take the other.
    if not addresses or not all(map(may_be, addresses)):
        raise ValueError("its name leads into a private network")
    return list(dict.fromkeys(addresses))


def _unusable(uri: JwksUri, why: str) -> Problem:
    return Problem(f"{uri}: {why}", hint="check jwks_uri, and that this machine reaches it")
