"""keyset.json: what is recorded of each key, as text.

Members that we do not know are passed over, and those after `announced_at` may be absent: an
older or newer release beside us shares the file.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from token_server.problems import Problem
from token_server.signing import certificates, rsa_keys
from token_server.signing.lifecycle import Keyset, PublicKey, SigningKey
from token_server.signing.rotation import lacks_pending
from token_server.tokens.model import Kid

VERSION = 1
# What is reckoned from a moment must be one, too.
_YEARS = range(2000, 9000)
# No setting is longer than ten years.
_CLOCK_YEARS = range(2000, 8900)
# The store's scripts count in floating point.
_MAX_COUNTER = 2**53
_KID = re.compile(r"[!-~]{1,256}", re.ASCII)
# RFC 7518 §6.3.2
_PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth"}


class OtherVersion(ValueError):
    """Another release wrote the keyset, in a format of its own."""


def write(keyset: Keyset) -> str:
    keys = [_record(key) for key in keyset.keys]
    document = {"version": VERSION, "counter": keyset.counter, "keys": keys}
    return json.dumps(document, indent=2) + "\n"


def read(text: str) -> Keyset:
    """Raises: ValueError, which says what is wrong and where."""
    document = _document(text)
    version = _member(document, "version", int, "the file")
    if version != VERSION:
        raise OtherVersion(
            f'its "version" is {version}, and this release reads {VERSION}: '
            "another release wrote it"
        )
    records = _member(document, "keys", list, "the file")
    keyset = Keyset(
        keys=tuple(_key(record, f"keys[{at}]") for at, record in enumerate(records)),
        counter=_counter(document),
    )
    if lacks_pending(keyset):
        raise ValueError("it holds no pending key")
    return keyset


def is_kid(text: str) -> bool:
    """Whether a key may go by this name: 1 to 256 visible ASCII characters."""
    return _KID.fullmatch(text) is not None


def check_clock(now: datetime) -> None:
    """Raises: Problem, for a time that `read` would refuse in a keyset."""
    if now.year not in _CLOCK_YEARS:
        raise Problem(
            f"the clock of this machine is wrong: it says {as_text(now)}",
            hint="set the clock, and start again; nothing was written",
        )


def as_text(moment: datetime | None) -> str | None:
    """A moment as RFC 3339 has it, in UTC."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _document(text: str) -> object:
    if not text.strip():
        raise ValueError("it is empty")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        # The parser's own words help nobody, and may quote the file.
        raise ValueError("it is damaged: it is no complete JSON text") from None


def _record(key: SigningKey) -> dict[str, object]:
    return {
        "kid": key.kid,
        "announced_at": as_text(key.announced_at),
        "signs_from": as_text(key.signs_from),
        "stops_at": as_text(key.stops_at),
        "drops_at": as_text(key.drops_at),
        "revoked_at": as_text(key.revoked_at),
        "jwk": _jwk(key.public),
    }


def _jwk(public: PublicKey) -> dict[str, object]:
    jwk: dict[str, object] = {"kty": "RSA", "n": public.n, "e": public.e}
    return jwk | {"x5c": public.x5c} if public.x5c else jwk


def _key(record: object, where: str) -> SigningKey:
    announced_at = _moment(record, "announced_at", where)
    if announced_at is None:
        raise ValueError(f'{where} has no "announced_at"')
    return SigningKey(
        public=_public_key(record, where),
        announced_at=announced_at,
        signs_from=_moment(record, "signs_from", where),
        stops_at=_moment(record, "stops_at", where),
        drops_at=_moment(record, "drops_at", where),
        revoked_at=_moment(record, "revoked_at", where),
    )


def _public_key(record: object, where: str) -> PublicKey:
    jwk = _member(record, "jwk", dict, where)
    if _member(jwk, "kty", str, f"{where}.jwk") != "RSA":
        raise ValueError(f"{where}.jwk is no RSA key")
    if _PRIVATE_MEMBERS & jwk.keys():
        raise ValueError(f"{where}.jwk holds a private key")
    kid = _member(record, "kid", str, where)
    if not is_kid(kid):
        raise ValueError(f'"kid" of {where} is no name of a key')
    public = PublicKey(
        kid=Kid(kid),
        n=_member(jwk, "n", str, f"{where}.jwk"),
        e=_member(jwk, "e", str, f"{where}.jwk"),
        x5c=tuple(_member(jwk, "x5c", list, f"{where}.jwk")) if "x5c" in jwk else (),
    )
    try:
        rsa_keys.verifying_key(public)
        certificates.check(public)
    except ValueError as fault:
        raise ValueError(f"{where}.jwk is refused: {fault}") from fault
    return public


def _counter(document: object) -> int:
    counter = document.get("counter", 0) if isinstance(document, dict) else 0
    if type(counter) is not int or not 0 <= counter < _MAX_COUNTER:
        raise ValueError('its "counter" is no whole number')
    return counter


def _moment(record: object, name: str, where: str) -> datetime | None:
    if not isinstance(record, dict) or record.get(name) is None:
        return None
    text = _member(record, name, str, where)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f'"{name}" of {where} is no moment') from None
    if moment.utcoffset() != timedelta(0):
        raise ValueError(f'"{name}" of {where} is not in UTC')
    if moment.year not in _YEARS:
        raise ValueError(f'"{name}" of {where} is too far away')
    return moment


def _member(record: object, name: str, kind: type[Any], where: str) -> Any:  # noqa: ANN401 - an instance of `kind`
    if not isinstance(record, dict) or not isinstance(record.get(name), kind):
        raise ValueError(f'{where} has no "{name}", or one of another type')  # noqa: TRY004 - all that is wrong with the file is one kind of error
    return record[name]
