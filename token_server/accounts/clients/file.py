"""CLIENTS_FILE as a whole: TOML to what is registered, or to everything that is wrong at once."""

import re
import tomllib
from pathlib import Path

from token_server.accounts.clients.entries import read_client, read_issuer
from token_server.accounts.clients.registered import (
    NOBODY,
    Registered,
    RegisteredClient,
    TrustedIssuer,
)
from token_server.accounts.clients.tables import Faults, Table, printable, wrong
from token_server.problems import Problem
from token_server.tokens.model import Policy

_POSITION = re.compile(r"\(at (line [0-9]+, column [0-9]+|end of document)\)")


def load_clients(path: Path | None, defaults: Policy) -> Registered:
    """What the file registers; without one, nobody. Raises: Problem."""
    return NOBODY if path is None else read_clients(read_text(path), defaults, file=path)


def read_text(path: Path) -> bytes:
    """Raises: Problem."""
    try:
        return path.read_bytes()
    except OSError as fault:
        raise Problem(
            f"{printable(str(path))} cannot be read: {fault.strerror}",
            hint="CLIENTS_FILE names it",
        ) from fault


def read_clients(data: bytes, defaults: Policy, *, file: Path) -> Registered:
    """`defaults`: the settings', for what a client does not say. Raises: Problem."""
    name = printable(str(file))
    try:
        # Editors and PowerShell put a byte order mark in front.
        text = data.decode("utf-8-sig")
        root = tomllib.loads(text)
    except UnicodeDecodeError:
        raise wrong([f"{name} is not in UTF-8"]) from None
    except (ValueError, RecursionError) as fault:
        # What tomllib says may quote the file; the position is all that we repeat.
        position = _POSITION.search(str(fault))
        place = f" at {position[1]}" if position else ""
        raise wrong([f"{name} is not well-formed TOML{place}"]) from None
    faults = Faults()
    registered = _registered(Table(root, (), faults), faults, defaults)
    faults.raise_any(name, text)
    return registered


def _registered(root: Table, faults: Faults, defaults: Policy) -> Registered:
    clients: dict[str, RegisteredClient] = {}
    for members, where in root.tables("clients"):
        table = Table(members, where, faults)
        client = read_client(table, defaults)
        if client and client.client.client_id in clients:
            table.fault("is taken by a client before it", "client_id")
        elif client:
            clients[client.client.client_id] = client
    issuers: dict[str, TrustedIssuer] = {}
    for members, where in root.tables("trusted_issuers"):
        table = Table(members, where, faults)
        issuer = read_issuer(table, clients)
        if issuer and issuer.issuer in issuers:
            table.fault("is taken by an issuer before it", "issuer")
        elif issuer:
            issuers[issuer.issuer] = issuer
    root.refuse_the_rest()
    return Registered(clients=clients, issuers=issuers)
