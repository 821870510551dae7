"""Hostile and odd requests on raw sockets, against a real uvicorn."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from support.raw_http import CHUNKED, SAID, ask, connect, get, post, read_answer, rest_of, serving

from token_server.web.hardened import Hardened


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(Hardened) as port:
        yield port


MALFORMED = {
    "length and chunked": post(b"Content-Length: 3", CHUNKED, body=SAID),
    "chunked and length": post(CHUNKED, b"Content-Length: 3", body=SAID),
    "two different lengths": post(b"Content-Length: 3", b"Content-Length: 4", body=b"a=bc"),
    "two equal lengths": post(b"Content-Length: 3", b"Content-Length: 3", body=b"a=b"),
    "a list of lengths": post(b"Content-Length: 3, 3", body=b"a=b"),
    "a signed length": post(b"Content-Length: +3", body=b"a=b"),
    "a negative length": post(b"Content-Length: -3", body=b"a=b"),
    "a huge length": post(b"Content-Length: 99999999999999999999999", body=b"a=b"),
    "space before the colon": post(b"Content-Length : 3", body=b"a=b"),
    "NUL in a header": post(b"X: a\0b", b"Content-Length: 3", body=b"a=b"),
    "bare CR in a header": post(b"X: a\rb", b"Content-Length: 3", body=b"a=b"),
    "an unknown coding": post(b"Transfer-Encoding: xchunked", body=SAID),
    "identity, then chunked": post(b"Transfer-Encoding: identity, chunked", body=SAID),
    "chunked twice": post(CHUNKED, CHUNKED, body=SAID),
    "gzip, then chunked": post(b"Transfer-Encoding: gzip, chunked", body=SAID),
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\n" + CHUNKED + b"\r\n\r\n" + SAID,
    "a hexadecimal prefix": post(CHUNKED, body=b"0x3\r\na=b\r\n0\r\n\r\n"),
    "a longer chunk than announced": post(CHUNKED, body=b"2\r\na=b\r\n0\r\n\r\n"),
    "bare LF line ends": b"GET / HTTP/1.1\nHost: a\n\n",
    "a folded header": get(b"Host: a", b"X: a", b" b"),
    "no Host": get(b"Accept: */*"),
    "two Hosts": get(b"Host: a", b"Host: b"),
    "two equal Hosts": get(b"Host: a", b"host: a"),
    "two Hosts in HTTP/1.0": b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
    "gzip and chunked on two lines": post(b"Transfer-Encoding: gzip", CHUNKED, body=SAID),
    "identity and chunked on two lines": post(b"Transfer-Encoding: identity", CHUNKED, body=SAID),
    "RTSP": b"DESCRIBE rtsp://a/ RTSP/1.0\r\nHost: a\r\n\r\n",
    "RTSP with a method of HTTP": b"OPTIONS * RTSP/1.0\r\nHost: a\r\n\r\n",
    "RTSP/1.1 for a path": b"GET / RTSP/1.1\r\nHost: a\r\n\r\n",
    "Icecast": b"SOURCE / ICE/1.0\r\nHost: a\r\n\r\n",
    "Icecast with a method of HTTP": b"GET / ICE/1.0\r\nHost: a\r\n\r\n",
    "http in lower case": b"GET / http/1.1\r\nHost: a\r\n\r\n",
    "two spaces before the target": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "two spaces after the target": b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tab after the method": b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "a space after the version": b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
    "a space before the method": b" GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes that are no request": bytes(range(1, 256)),
    "TLS on a plain port": bytes.fromhex("160301020001000100") + b"\0" * 200,
    "a target that is no ASCII": get(b"Host: a").replace(b"/", b"/\xff", 1),
    "a target without a path": get(b"Host: a").replace(b"/", b"?a=b", 1),
    "a target with no such port": get(b"Host: a").replace(b"/", b"http://a:99999/", 1),
    "a target with half an address": get(b"Host: a").replace(b"/", b"http://[::1/", 1),
}


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request_is_refused_and_its_connection_closed(
    port: int, request_: bytes
) -> None:
    answer = ask(port, request_)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close\r\n" in answer


def test_http_1_0_needs_no_host(port: int) -> None:
    """So load balancers check health."""
    answer = ask(port, b"GET /livez HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in answer


def test_empty_lines_before_a_request_are_ignored(port: int) -> None:
    """RFC 9112 §2.2."""
    with connect(port) as connection:
        connection.sendall(b"\r\n\r\n" + get(b"Host: a"))
        assert read_answer(connection)[1]["path"] == "/"


@pytest.mark.parametrize("cut", range(1, 17))
def test_request_line_may_come_in_pieces(port: int, cut: int) -> None:
    with connect(port) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = get(b"Host: a")
        connection.sendall(request + request[:cut])
        read_answer(connection)
        connection.sendall(request[cut:])
        assert read_answer(connection)[1]["path"] == "/"


@pytest.mark.parametrize("blank", [b" ", b"\t", b" \t \t"])
def test_white_space_around_a_value_is_no_part_of_it(port: int, blank: bytes) -> None:
    """RFC 9110 §5.5: SP and HTAB, and no other."""
    with connect(port) as connection:
        for framing, body in ((b"Content-Length: 3", b"a=b"), (CHUNKED, SAID)):
            fields = (b"Authorization: Bearer x", b"X: \xa0a b\xa0", b"X-Empty:", framing)
            lines = [field.replace(b":", b":" + blank, 1) + blank for field in fields]
            if framing is CHUNKED:
                # The parser refuses a tab after it (400), which no client sends.
                lines[-1] = lines[-1].rstrip(b" \t")
            connection.sendall(post(*lines, body=body))
            shown = read_answer(connection)[1]
            assert shown["body"] == "a=b"
            assert ["authorization", "Bearer x"] in shown["headers"]
            assert ["x", "\xa0a b\xa0"] in shown["headers"]
            assert ["x-empty", ""] in shown["headers"]


def test_a_target_that_names_a_host_alone_is_for_its_root(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(get(b"Host: a").replace(b"/", b"http://a", 1))
        _, shown = read_answer(connection)
    assert shown["path"] == "/"


def test_an_odd_target_takes_no_answer_that_is_owed_to_the_request_before_it(port: int) -> None:
    odd = get(b"Host: a").replace(b"/", b"http://a:99999/", 1)
    answer = ask(port, post(b"Content-Length: 3", body=b"a=b") + odd)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"a=b" in answer


@pytest.mark.parametrize("version", [b"0.9", b"2.0"])
def test_another_version_is_refused(port: int, version: bytes) -> None:
    answer = ask(port, b"GET / HTTP/" + version + b"\r\nHost: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 505 ")


def test_a_tunnel_is_refused(port: int) -> None:
    answer = ask(port, b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n" + get(b"Host: a"))
    assert answer.startswith(b"HTTP/1.1 501 ")
    assert answer.count(b"HTTP/1.1 ") == 1


TOO_LARGE = {
    "a header of 33 kB": get(b"Host: a", b"X: " + b"a" * 33_000),
    "33 kB of headers": get(b"Host: a", *[b"X: " + b"a" * 1000] * 33),
    "a target of 33 kB": get(b"Host: a").replace(b"/", b"/" + b"a" * 33_000, 1),
    "65 headers": get(b"Host: a", *[b"X: a"] * 64),
    "a header of 100 kB": get(b"Host: a", b"X: " + b"a" * 100_000),
    "a header of 8 MB": get(b"Host: a", b"X: " + b"a" * 8_000_000),
    "20,000 headers": get(b"Host: a", *[b"X: a"] * 20_000),
}


@pytest.mark.parametrize("request_", TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_too_large_a_head_is_refused(port: int, request_: bytes) -> None:
    answer = ask(port, request_)
    # Whoever goes on sending after the refusal may meet a reset before it.
    assert answer.startswith(b"HTTP/1.1 431 ") or (answer == b"" and len(request_) > 50_000)


@pytest.mark.parametrize(
    "endless",
    [get(b"Host: a", b"X: ")[:-4], post(CHUNKED, body=b"0\r\nX: ")],
    ids=["head", "trailer"],
)
def test_a_header_without_end_is_cut_off_before_the_time_is_up(port: int, endless: bytes) -> None:
    with connect(port) as connection, suppress(ConnectionError):
        connection.sendall(endless)
        sent = 0
        while sent < 16_000_000:
            sent += connection.send(b"a" * 65_536)
        pytest.fail("the server went on reading")


def test_a_head_just_inside_the_limits_is_read(port: int) -> None:
    headers = [b"X%d: " % number + b"a" * 500 for number in range(62)]
    answer = ask(port, get(b"Host: a", *headers, b"Connection: close"))
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_an_absolute_target_is_read_as_its_path(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(b"GET http://evil.example/p HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_answer(connection)[1]["path"] == "/p"


def test_a_chunked_body_is_read_and_its_trailers_are_dropped(port: int) -> None:
    """RFC 9110 §6.5.1: a trailer does not pass for a header."""
    trailers = b"0\r\nAuthorization: Bearer x\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"
    with connect(port) as connection:
        for _ in range(2):
            connection.sendall(post(CHUNKED, body=b"3;x=y\r\na=b\r\n2\r\n&c\r\n" + trailers))
            shown = read_answer(connection)[1]
            assert shown["body"] == "a=b&c"
            assert shown["headers"] == [["host", "a"], ["transfer-encoding", "chunked"]]


def test_a_body_is_asked_for_where_the_client_waits_for_it(port: int) -> None:
    """RFC 9110 §10.1.1."""
    with connect(port) as connection:
        connection.sendall(post(b"Content-Length: 3", b"Expect: 100-continue"))
        go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
        assert connection.recv(len(go_on), socket.MSG_WAITALL) == go_on
        connection.sendall(b"a=b")
        head, shown = read_answer(connection)
        assert shown["body"] == "a=b"
        assert b"connection: close" not in head


def test_a_body_that_was_not_asked_for_is_never_read_as_a_request(port: int) -> None:
    """After an answer instead of `100 Continue` nobody knows what the next bytes are."""
    request = post(b"Content-Length: 40", b"Expect: 100-continue", path=b"/deaf")
    with connect(port) as connection:
        connection.sendall(request)
        head, shown = read_answer(connection)
        assert shown["path"] == "/deaf"
        assert b"connection: close\r\n" in head
        assert rest_of(connection) == b""


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("cut", [False, True], ids=["at once", "in two"])
def test_a_wish_to_upgrade_is_ignored_and_the_body_read(
    port: int, framing: str, *, cut: bool
) -> None:
    """RFC 9110 §7.8. Java's client asks for h2c with each POST."""
    upgrade = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA")
    request = (
        post(b"Content-Length: 3", *upgrade, body=b"a=b")
        if framing == "length"
        else post(*upgrade, CHUNKED, body=SAID)
    )
    with connect(port) as connection:
        for _ in range(2):
            middle = request.index(b"a=b") if cut else 0
            connection.sendall(request[:middle])
            connection.sendall(request[middle:] + request)
            for _ in range(2):
                shown = read_answer(connection)[1]
                assert (shown["path"], shown["body"]) == ("/t", "a=b")


def test_a_websocket_is_not_offered(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(get(b"Host: a", b"Connection: upgrade", b"Upgrade: websocket"))
        assert read_answer(connection)[0].startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    with connect(port) as connection:
        bodies = [f"n={number}" for number in range(50)]
        connection.sendall(
            b"".join(
                post(b"Content-Length: %d" % len(body), body=body.encode()) for body in bodies
            )
        )
        assert [read_answer(connection)[1]["body"] for _ in bodies] == bodies


def test_too_many_pipelined_requests_are_not_kept(port: int) -> None:
    answer = ask(port, get(b"Host: a") * 5_000)
    assert 0 < answer.count(b"HTTP/1.1 200 ") <= Hardened.MAX_PIPELINED + 1


def test_garbage_after_a_request_does_not_take_its_answer(port: int) -> None:
    """A body without a length reads as the next request; the first is answered, then closed."""
    answer = ask(port, post(body=b"grantType=RefreshToken"))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_malformed_body_takes_no_answer_that_is_owed_to_the_request_before_it(
    port: int,
) -> None:
    malformed = post(CHUNKED, body=b"0x3\r\n")
    with connect(port) as connection:
        connection.sendall(
            post(b"Content-Length: 0", path=b"/later") + malformed + get(b"Host: a")
        )
        ask(port, post(b"Content-Length: 0", b"Connection: close", path=b"/now"))
        assert read_answer(connection)[1]["path"] == "/later"
        assert rest_of(connection) == b""
