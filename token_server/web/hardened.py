"""Reads HTTP/1.1 strictly: bounded heads, bounded waiting, one Host, no smuggling.

What uvicorn's httptools protocol lets pass and this one refuses is listed in
`tests/web/test_hardened.py`, row by row.
"""

import asyncio
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from token_server.web.answering import closing_unless_read
from token_server.web.connection import ANSWERED_ALWAYS, Connection, Stage
from token_server.web.forwarded import NO_PROXIES, TrustedProxies
from token_server.web.framing import framing_of, has_request_line, is_framed, path_and_query
from token_server.web.overload import Share, Turn
from token_server.web.wire import IS_GONE, TURN

HTTP_VERSIONS = ("1.1", "1.0")


class Unreadable(Exception):
    """Raised in a callback of the parser, which then stops; tells how to answer."""

    def __init__(self, status: HTTPStatus) -> None:
        self.status = status


class Hardened(Connection):
    """Reads the requests of one connection. uvicorn makes one of these for each."""

    MAX_HEAD_BYTES = 32_768
    MAX_HEADERS = 64
    MAX_PIPELINED = 64

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        trusted_proxies: TrustedProxies = NO_PROXIES,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop, trusted_proxies=trusted_proxies)
        self._head_bytes = 0
        self._swallowed_bytes = 0
        self._raw = b""
        """What was received since the head that is being read began, or a little more."""

    # The transport speaks.

    def data_received(self, data: bytes) -> None:
        if self._is_rejected:
            return
        self._idle.stop()
        self._swallowed_bytes += len(data)
        self._raw = self._raw + data if self._stage is Stage.HEAD else data
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._reject(cause.status if isinstance(cause, Unreadable) else HTTPStatus.BAD_REQUEST)
            return
        finally:
            self._note_who_waits()
        # The parser keeps a header or trailer to itself until it has seen all of it.
        if self._swallowed_bytes > self.MAX_HEAD_BYTES:
            self._reject(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._swallowed_bytes or self._stage is not Stage.IDLE:
            self._receiving.begin()

    # The parser speaks.

    def on_message_begin(self) -> None:
        if self._stage is not Stage.IDLE:
            return
        super().on_message_begin()
        self._stage = Stage.HEAD
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        if self._stage is Stage.HEAD:
            self._count(len(url))
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        # RFC 9110 §6.5.1: a trailer must not pass for a header. Nobody here wants trailers.
        if self._stage is Stage.HEAD:
            self._count(len(name) + len(value))
            name = name.lower()
            value = value.strip(b" \t")  # RFC 9110 §5.5
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._stage is not Stage.HEAD:
            return
        self._check_head()
        target = path_and_query(self.url)
        share: Share | None = self._share
        if self._trusted_peer is not None:
            address = self._trusted_proxies.client_of(self._trusted_peer, self.headers)
            self.scope["client"] = (address, 0)
            share = self._crowd.share_of(address)
        if self.url.startswith(ANSWERED_ALWAYS):
            share = None
        if self._has_too_much_to_do_for(share):
            if self.expect_100_continue:
                # It may send its body, or a next request, or wait: RFC 9110 §10.1.1.
                self._crowd.turned_away("too_many_at_once")
                raise Unreadable(HTTPStatus.SERVICE_UNAVAILABLE)
            self._stage = Stage.BODY
            self._is_turned_away = True
            # Now: the successor of a parser (see _feed) knows of neither.
            self._turned_away_method = self.parser.get_method()
            self._is_kept = self.parser.should_keep_alive()
            return
        self._stage = Stage.BODY
        self.scope[TURN] = Turn(self._crowd, share)  # type: ignore[literal-required]
        self._complete_scope(*target)
        app = self.config.loaded_app
        self._begin(closing_unless_read(app) if self.expect_100_continue else app)  # type: ignore[arg-type]

    def on_body(self, body: bytes) -> None:
        self._swallowed_bytes = 0
        if not self._is_turned_away:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # The parser gives up here; its successor will read the body. See _feed.
        if self._is_turned_away:
            self._turn_away()
        else:
            self.cycle.scope[TURN].is_waited_for()  # type: ignore[literal-required]
            super().on_message_complete()
            if self.cycle.response_complete:
                self._idle.begin()  # What came after the answer had stopped it.
        self._stage = Stage.IDLE
        self._swallowed_bytes = 0
        self._receiving.stop()

    # What follows from it.

    def _feed(self, data: bytes) -> None:
        """Parse, and ignore every wish to upgrade (RFC 9110 §7.8).

        On `Upgrade` the parser stops after the head and takes the body for another protocol;
        Java's and curl's clients, which ask for h2c with each POST, would lose their body.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                # As in HttpToolsProtocol: what follows the last request is nobody's.
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                self.parser.feed_data(framing_of(self.scope["headers"]))
            else:
                return

    def _complete_scope(self, raw_path: bytes, query: bytes) -> None:
        path = raw_path.decode("ascii")
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["http_version"] = self.parser.get_http_version()
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = raw_path
        self.scope["query_string"] = query
        self.scope[IS_GONE] = self.transport.is_closing  # type: ignore[literal-required]

    def _count(self, size: int) -> None:
        self._swallowed_bytes = 0
        self._head_bytes += size
        if self._head_bytes > self.MAX_HEAD_BYTES or len(self.headers) >= self.MAX_HEADERS:
            raise Unreadable(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _check_head(self) -> None:
        version, method = self.parser.get_http_version(), self.parser.get_method()
        if not has_request_line(self._raw, method, self.url):
            raise Unreadable(HTTPStatus.BAD_REQUEST)
        if version not in HTTP_VERSIONS:
            raise Unreadable(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
        if method == b"CONNECT":
            raise Unreadable(HTTPStatus.NOT_IMPLEMENTED)
        if not is_framed(self.headers, version) or len(self.pipeline) >= self.MAX_PIPELINED:
            raise Unreadable(HTTPStatus.BAD_REQUEST)
