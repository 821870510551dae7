"""Certificates that are replaced while the server runs."""

import asyncio
import shutil
import signal
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.launched import Launched, launched
from support.processes import wait_until
from support.tls import tls_files

from token_server.problems import Problem
from token_server.process import tls
from token_server.process.tls import tls_followed, tls_of
from token_server.settings import Settings, load_settings

pytestmark = pytest.mark.anyio


def settings_of(files: dict[str, str]) -> Settings:
    return load_settings({f"TOKEN_SERVER_{name}": value for name, value in files.items()})


def new_pair(folder: Path) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    return tls_files(folder)


def replace(old: dict[str, str], new: dict[str, str], *names: str) -> None:
    for name in names:
        shutil.copy2(new[name], f"{old[name]}.new")
        Path(f"{old[name]}.new").rename(old[name])


@contextmanager
def connection(server: Launched) -> Iterator[HTTPSConnection]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opened = HTTPSConnection("127.0.0.1", server.port, context=context, timeout=20)
    opened.connect()
    yield opened
    opened.close()


def certificate_of(opened: HTTPSConnection) -> bytes:
    certificate = opened.sock.getpeercert(binary_form=True)
    assert isinstance(certificate, bytes)
    return certificate


def in_file(files: dict[str, str]) -> bytes:
    return ssl.PEM_cert_to_DER_cert(Path(files["TLS_CERT_FILE"]).read_text())


def test_on_sighup_new_connections_get_the_new_certificate_and_old_ones_go_on(
    tmp_path: Path,
) -> None:
    files, new = new_pair(tmp_path / "tls"), new_pair(tmp_path / "new")
    old_certificate = in_file(files)

    def served(server: Launched) -> bytes:
        with connection(server) as opened:
            return certificate_of(opened)

    with launched(tmp_path, {"WORKERS": "1", **files}) as server, connection(server) as before:
        assert certificate_of(before) == old_certificate
        replace(files, new, "TLS_CERT_FILE")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.said.count("the old certificate stays in use") == 1)
        assert served(server) == old_certificate
        replace(files, new, "TLS_KEY_FILE")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: served(server) == in_file(new))
        before.request("GET", "/pid")
        answer = before.getresponse()
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "CHECK_INTERVAL", timedelta(milliseconds=5))


async def condition(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - a file tells no event
        await asyncio.sleep(0.005)


@pytest.mark.usefixtures("often")
async def test_a_link_that_is_swapped_is_followed_without_a_signal(tmp_path: Path) -> None:
    new_pair(tmp_path / "one")
    new_pair(tmp_path / "two")
    (tmp_path / "data").symlink_to("one")
    files = {
        "TLS_CERT_FILE": str(tmp_path / "data/cert.pem"),
        "TLS_KEY_FILE": str(tmp_path / "data/key.pem"),
    }
    used: list[ssl.SSLContext] = []
    async with asyncio.timeout(20), tls_followed(settings_of(files), used.append):
        (tmp_path / "new").symlink_to("two")
        (tmp_path / "new").rename(tmp_path / "data")
        await condition(lambda: len(used) == 1)


@pytest.mark.usefixtures("often")
async def test_a_pair_that_does_not_match_is_an_error_once_and_is_not_used(
    tmp_path: Path,
) -> None:
    files, new = new_pair(tmp_path / "tls"), new_pair(tmp_path / "new")
    used: list[ssl.SSLContext] = []
    with capture_logs() as logs:
        async with asyncio.timeout(20), tls_followed(settings_of(files), used.append):
            replace(files, new, "TLS_KEY_FILE")
            await condition(lambda: len(logs) == 1)
            assert used == []
            replace(files, new, "TLS_CERT_FILE")
            await condition(lambda: bool(used))
    assert [(line["log_level"], line["event"]) for line in logs] == [
        ("error", "the TLS files cannot be used; the old certificate stays in use"),
        ("info", "the TLS files are good again"),
        ("info", "the TLS certificate was loaded again"),
    ]
    assert logs[0]["problem"].startswith("the TLS files cannot be used: ")


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    files = new_pair(tmp_path / "tls")
    Path(files["TLS_KEY_FILE"]).chmod(0o644)
    with pytest.raises(Problem) as refused:
        tls_of(settings_of(files))
    key = files["TLS_KEY_FILE"]
    assert refused.value.text == f"{key} is open to others (mode 0644)"
    assert refused.value.hint == f"chmod 600 {key}"
