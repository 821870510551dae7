"""Requests that come before the one before them is answered, on raw sockets."""

from support.raw_http import connect, post, read_answer, serving

from token_server.web.hardened import Hardened


def test_a_connection_is_read_again_after_pipelined_requests_that_read_no_body() -> None:
    request = post(b"Content-Length: 0", path=b"/deaf")
    with serving(Hardened) as port, connect(port) as connection:
        for count in (3, 1, 2):
            connection.sendall(request * count)
            for _ in range(count):
                assert read_answer(connection)[1]["path"] == "/deaf"
