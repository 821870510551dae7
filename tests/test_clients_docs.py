"""docs/clients.md shows a clients file that loads, and a row for every member."""

import hashlib
import re
from pathlib import Path

from support.desk import DEFAULTS
from support.pages import blocks

from token_server.accounts.clients.entries import read_client, read_issuer
from token_server.accounts.clients.file import load_clients
from token_server.accounts.clients.tables import Faults, Table
from token_server.tokens.clients import AccessTokenFormat, Grant

TEXT = (Path(__file__).parent.parent / "docs" / "clients.md").read_text("utf-8")
CLIENTS, ISSUERS = re.findall(r"^\| member \|.*?\n\n", TEXT, re.MULTILINE | re.DOTALL)


def test_the_example_loads(tmp_path: Path) -> None:
    (example,) = blocks(TEXT, "toml")
    path = tmp_path / "clients.toml"
    path.write_text(example, "utf-8")
    registered = load_clients(path, DEFAULTS)
    assert list(registered.clients) == ["billing", "portal", "phone-app"]
    billing = registered.clients["billing"]
    assert billing.secret_hashes == (hashlib.sha256(b"test").digest(),)
    assert billing.client.access_token_format is AccessTokenFormat.AT_JWT
    assert Grant.TOKEN_EXCHANGE in registered.clients["portal"].client.grants
    assert registered.issuers["https://login.example"].client_ids == {"portal"}


def members_told(rows: str) -> set[str]:
    cells = re.findall(r"^\| (`.+?) \|", rows, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_member_has_its_row_and_no_row_is_of_another() -> None:
    client, issuer = Table({}, (), Faults()), Table({}, (), Faults())
    read_client(client, DEFAULTS)
    read_issuer(issuer, {})
    assert members_told(CLIENTS) == set(client.known)
    assert members_told(ISSUERS) == set(issuer.known)
