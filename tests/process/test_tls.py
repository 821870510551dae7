"""TLS from two files; whoever dawdles there holds up nobody."""

import asyncio
import signal
import socket
import ssl
from pathlib import Path

import httpx
import pytest
import uvloop
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from starlette.applications import Starlette
from support.launched import launched
from support.tls import tls_files

from token_server.problems import Problem
from token_server.process.http_server import HttpServer
from token_server.process.tally import Tally
from token_server.process.tls import tls_of
from token_server.settings import Settings, load_settings
from token_server.web.hardened import Hardened


def settings_of(files: dict[str, str]) -> Settings:
    return load_settings({f"TOKEN_SERVER_{name}": value for name, value in files.items()})


def test_it_is_served_and_an_idle_client_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """A client that pools its connection does not answer the server's farewell."""
    files = tls_files(tmp_path)
    trust = ssl.create_default_context(cafile=files["TLS_CERT_FILE"])
    with (
        launched(tmp_path, {"WORKERS": "1", **files}, drain_seconds=1000) as server,
        httpx.Client(base_url=server.url, verify=trust) as client,
    ):
        assert server.url.startswith("https://")
        assert client.get("/pid").text == str(server.workers()[0])
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0


def test_nothing_older_than_1_2_is_spoken(tmp_path: Path) -> None:
    context = tls_of(settings_of(tls_files(tmp_path)))
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_key_with_a_passphrase_is_a_problem_and_nobody_is_asked_for_it(
    tmp_path: Path,
) -> None:
    with pytest.raises(Problem, match=r"the key in .*/key\.pem has a passphrase"):
        tls_of(settings_of(tls_files(tmp_path, BestAvailableEncryption(b"passphrase"))))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("key.pem", None, "the key in {folder}/key.pem is not that of the certificate in "),
        ("cert.pem", b"no PEM", "{folder}/cert.pem holds no certificate in PEM"),
        ("key.pem", b"no PEM", "{folder}/key.pem holds no private key in PEM"),
    ],
    ids=["other key", "no certificate", "no key"],
)
def test_the_wrong_tls_file_is_named(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    files = tls_files(tmp_path)
    (tmp_path / "other").mkdir()
    tls_files(tmp_path / "other")
    (tmp_path / name).write_bytes(content or (tmp_path / "other" / name).read_bytes())
    with pytest.raises(Problem) as refused:
        tls_of(settings_of(files))
    expected = said.format(folder=tmp_path)
    assert refused.value.text.startswith(f"the TLS files cannot be used: {expected}")


def test_a_handshake_may_take_no_longer_than_a_request_and_is_no_connection_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hardened, "RECEIVE_SECONDS", 0.2)

    tally = Tally.of(2)

    async def dawdle() -> bytes:
        listener = socket.create_server(("127.0.0.1", 0))
        address, listens = listener.getsockname(), asyncio.Event()
        server = HttpServer(
            Starlette(),
            seat=tally.seat(0),
            tls=tls_of(settings_of(tls_files(tmp_path))),
            drain_seconds=1,
            on_listening=listens.set,
        )
        serving = asyncio.create_task(server.serve([listener]))
        await listens.wait()
        with socket.create_connection(address, timeout=10) as client:
            said = await asyncio.to_thread(client.recv, 1)
        with socket.create_connection(address):
            await is_held(1)
        await is_held(0)
        server.should_exit = True
        await serving
        return said

    async def is_held(count: int) -> None:
        while [held for held, _ in tally.seat(1).others()] != [count]:  # noqa: ASYNC110 - memory tells no event
            await asyncio.sleep(0)

    assert uvloop.run(dawdle()) == b""
