"""The official SDKs of MCP, unmodified: they find this server from an MCP server."""

from pathlib import Path

import pytest
from support.clientele import Clientele
from support.outside_programs import run_by_node, run_by_python
from support.protected_resource import ProtectedResource


@pytest.fixture
def asked(clientele: Clientele, mcp_server: ProtectedResource) -> dict[str, object]:
    return {
        "issuer": clientele.url,
        "agent": clientele.registered.secrets["agent"],
        "mcpServer": mcp_server.url,
    }


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_the_python_sdk_gets_a_token_of_its_own_and_refreshes(
    clientele: Clientele,
    mcp_server: ProtectedResource,
    mcp_of_python: Path,
    asked: dict[str, object],
    method: str,
) -> None:
    pair = clientele.handed_over("agent")
    told = run_by_python("mcp_sdk.py", mcp_of_python, **asked, method=method, pair=pair)
    assert (told["own"]["sub"], told["own"]["aud"]) == ("agent", mcp_server.url)
    assert [claims["sub"] for claims in told["refreshed"]] == ["alice", "alice"]
    assert len({pair["refresh_token"], *told["refresh_tokens"]} - {None}) == 3
    assert mcp_server.accepted == [told["own"], *told["refreshed"]]


def test_the_typescript_sdk_gets_a_token_of_its_own_and_refreshes(
    clientele: Clientele,
    mcp_server: ProtectedResource,
    node_packages: Path,
    asked: dict[str, object],
) -> None:
    refresh_token = clientele.handed_over("agent")["refresh_token"]
    told = run_by_node("mcp-sdk.mjs", node_packages, **asked, refreshToken=refresh_token)
    assert (told["authorized"], told["own"], told["of_user"]) == ("AUTHORIZED", 200, 200)
    assert [claims["sub"] for claims in mcp_server.accepted] == ["agent", "alice"]
    assert len(set(told["refresh_tokens"])) == 3
    # And no refresh token opens the MCP server.
    assert not any(map(mcp_server.accepts, told["refresh_tokens"]))
