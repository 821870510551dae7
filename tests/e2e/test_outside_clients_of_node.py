"""Node's OAuth libraries, unmodified, as clients of the running server."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from support.clientele import Clientele
from support.registered import INVOICES, TRICKY

PROGRAMS = Path(__file__).parent / "clients"


def run(program: str, packages: Path, **asked: object) -> dict[str, Any]:
    """What it prints. The packages are found from where a program lies, so it is put there."""
    node = shutil.which("node")
    assert node is not None
    there = shutil.copy(PROGRAMS / program, packages)
    done = subprocess.run(
        [node, there],
        cwd=packages,
        env={"ASKED": json.dumps(asked), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def asked_of(clientele: Clientele, *clients: str) -> dict[str, object]:
    return {
        **clientele.registered.secrets,
        "tricky": clientele.registered.secrets[TRICKY],
        "issuer": clientele.url,
        "portalKey": clientele.registered.keys["portal"].as_dict(private=True),
        "refreshTokens": {name: clientele.handed_over(name)["refresh_token"] for name in clients},
        "audience": INVOICES,
    }


def test_oauth4webapi_discovers_refreshes_inspects_and_revokes(
    clientele: Clientele, node_packages: Path
) -> None:
    """It encodes id and secret (RFC 6749 §2.3.1), and reads signed introspection (RFC 9701)."""
    told = run(
        "oauth4webapi.mjs", node_packages, **asked_of(clientele, "billing", TRICKY, "portal")
    )
    expected = {
        "scope": "profile",
        "sub": "alice",
        "active": True,
        "signed": True,
        "dead": False,
    }
    assert told["results"] == [expected] * 3
    assert (told["claims"]["client_id"], told["claims"]["aud"]) == ("rfc9068", INVOICES)


def test_openid_client_discovers_refreshes_exchanges_and_revokes(
    clientele: Clientele, node_packages: Path
) -> None:
    told = run(
        "openid-client.mjs", node_packages, **asked_of(clientele, "billing", "poster", "portal")
    )
    expected = {
        "scope": "profile",
        "sub": "alice",
        "aud": INVOICES,
        "active": True,
        "dead": False,
        "refused": "invalid_grant",
    }
    assert told["results"] == [expected] * 3


def test_jose_verifies_an_access_token_of_rfc_9068(
    clientele: Clientele, node_packages: Path
) -> None:
    token = clientele.handed_over("rfc9068", resource=INVOICES)["access_token"]
    told = run("jose.mjs", node_packages, issuer=clientele.url, token=token, audience=INVOICES)
    assert (told["sub"], told["client_id"]) == ("alice", "rfc9068")
