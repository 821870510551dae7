"""Tokens that no server may accept, by name.

Headers and payloads carry a genuine signature over exactly what is sent, where a signature is
possible at all: only the one thing that each name speaks of is wrong.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support.keys import private_key, public_key
from token_server.signing import base64url
from token_server.signing.rsa_keys import public_part

Named = Iterator[tuple[str, str]]

STRANGER = 9
"""The number of a key that no server has."""
ABSENT = object()


def b64(data: bytes | str) -> str:
    return base64url.encode(data if isinstance(data, bytes) else data.encode())


@dataclass(frozen=True, kw_only=True)
class Forge:
    """Holds a server's own key, a genuine token of it, and another kid that the server knows."""

    key: RSAPrivateKey
    genuine: str
    other_kid: str

    @property
    def kid(self) -> str:
        return public_part(self.key).kid

    @property
    def payload(self) -> bytes:
        return base64url.decode(self.genuine.split(".")[1])

    def signed(
        self, header: bytes | str, payload: bytes | None = None, *, by: RSAPrivateKey | None = None
    ) -> str:
        """RS512 over these very bytes."""
        signing_input = f"{b64(header)}.{b64(self.payload if payload is None else payload)}"
        signature = (by or self.key).sign(signing_input.encode(), PKCS1v15(), SHA512())
        return f"{signing_input}.{b64(signature)}"

    def headed(self, *, by: RSAPrivateKey | None = None, **members: object) -> str:
        header = {"alg": "RS512", "kid": self.kid, "typ": "JWT"} | members
        present = {name: value for name, value in header.items() if value is not ABSENT}
        return self.signed(json.dumps(present, separators=(",", ":")), by=by)

    def loaded(self, payload: bytes | str) -> str:
        data = payload if isinstance(payload, bytes) else payload.encode()
        return self.signed(f'{{"alg":"RS512","kid":"{self.kid}","typ":"JWT"}}', data)

    def malformed(self) -> Named:
        """What we never write: told without any RSA work."""
        yield from self._other_members()
        yield from self._foreign_members()
        yield from self._other_header_texts()
        yield from self._public_key_as_hmac_secret()
        yield from self._payloads()
        yield from self._shapes()
        yield from self._spellings()

    def forged(self) -> Named:
        """A header of ours, and not our signature."""
        header, payload, signature = self.genuine.split(".")
        other = self.loaded(b'{"aud":"access"}').split(".")
        yield "signed by a stranger", self.headed(by=private_key(STRANGER))
        yield "kid of another key", self.headed(kid=self.other_kid)
        yield "no signature", f"{header}.{payload}."
        yield "signature of another token", f"{header}.{payload}.{other[2]}"
        yield "payload of another token", f"{header}.{other[1]}.{signature}"
        for name, false in {
            "zero": bytes(256),
            "all ones": b"\xff" * 256,
            "too short": bytes(255),
            "too long": bytes(257),
            "larger than joserfc reads": bytes(1025),
            "RS256": self.key.sign(f"{header}.{payload}".encode(), PKCS1v15(), SHA256()),
        }.items():
            yield f"signature {name}", f"{header}.{payload}.{b64(false)}"

    def of_unknown_keys(self) -> Named:
        kid = self.kid
        kids = ("", "x", kid.swapcase(), kid[:-1], f"{kid} ", f"../{kid}", "/dev/null", "' OR 1--")
        for name in (*kids, public_key(STRANGER).kid, "é", "\0", "k" * 4000):
            yield f"kid {name[:20]!r}", self.headed(kid=name, by=private_key(STRANGER))

    def _other_members(self) -> Named:
        algorithms = ("none", "None", "NONE", "", "RS256", "RS384", "PS512", "HS512", "rs512")
        for value in (*algorithms, "RS512 ", None, 5, True, ["RS512"], {"RS512": 1}, ABSENT):
            yield f"alg {str(value)[:8]!r}", self.headed(alg=value)
        for value in ("jwt", "at+JWT", "application/at+jwt", "JOSE", "", None, ["JWT"], ABSENT):
            yield f"typ {str(value)[:8]!r}", self.headed(typ=value)
        for value in (None, 5, [self.kid], {}, ABSENT):
            yield f"kid {str(value)[:8]!r}", self.headed(kid=value)
        for text in ('{"alg":"none"}', f'{{"alg":"none","kid":"{self.kid}","typ":"JWT"}}'):
            yield f"unsigned {text[:14]}", f"{b64(text)}.{b64(self.payload)}."

    def _foreign_members(self) -> Named:
        yield "crit", self.headed(crit=["exp"], exp=1)
        yield "crit empty", self.headed(crit=[])
        yield "crit no list", self.headed(crit=5)
        yield "crit of objects", self.headed(crit=[{}])
        yield "b64 false", self.headed(b64=False, crit=["b64"])
        ours, theirs = public_part(self.key), public_key(STRANGER)
        jwk = {"kty": "RSA", "n": theirs.n, "e": theirs.e}
        yield "own key in jwk", self.headed(jwk=jwk, by=private_key(STRANGER))
        yield "our key in jwk", self.headed(jwk=jwk | {"n": ours.n})
        yield "jku", self.headed(jku="https://attacker.example/jwks.json")
        yield "x5u", self.headed(x5u="https://attacker.example/cert.pem")
        yield "x5c", self.headed(x5c=["MIIB"])
        yield "x5t", self.headed(x5t="AAAA")
        yield "zip", self.headed(zip="DEF")
        yield "enc", self.headed(alg="RSA-OAEP", enc="A256GCM")
        yield "a member of its own", self.headed(note="harmless")

    def _other_header_texts(self) -> Named:
        ours = f'{{"alg":"RS512","kid":"{self.kid}","typ":"JWT"}}'
        yield "alg twice", self.signed(ours.replace("{", '{"alg":"none",'))
        yield "kid twice", self.signed(ours.replace("{", '{"kid":"x",'))
        yield "another order", self.signed(f'{{"typ":"JWT","alg":"RS512","kid":"{self.kid}"}}')
        yield "spaces", self.signed(ours.replace(":", ": "))
        yield "space at the end", self.signed(f"{ours} ")
        yield "escaped", self.signed(ours.replace("alg", "\\u0061lg"))
        yield "NUL at the end", self.signed(f"{ours}\0")
        yield "byte order mark", self.signed(f"\ufeff{ours}")
        yield "UTF-16", self.signed(ours.encode("utf-16"))
        yield "no UTF-8", self.signed(ours.encode().replace(b"kid", b"k\xffd"))
        for text in ("", "null", '"alg"', '["alg"]', "[]", "5", "{", "{}", "NaN", '{"alg":NaN}'):
            yield f"header {text!r}", self.signed(text)
        yield "header deep", self.signed("[" * 3000)
        yield "header deep in alg", self.signed('{"alg":' + "[" * 2000 + "]" * 2000 + "}")
        yield "header with 5,000 digits", self.signed('{"alg":' + "9" * 5000 + "}")
        yield "half a surrogate pair as kid", self.headed(kid="\ud800")

    def _public_key_as_hmac_secret(self) -> Named:
        header = json.dumps({"alg": "HS512", "kid": self.kid, "typ": "JWT"})
        signing_input = f"{b64(header)}.{b64(self.payload)}"
        for encoding in (Encoding.PEM, Encoding.DER):
            for form in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1):
                secret = self.key.public_key().public_bytes(encoding, form)
                signature = hmac.digest(secret, signing_input.encode(), hashlib.sha512)
                yield f"HS512 {encoding} {form}", f"{signing_input}.{b64(signature)}"

    def _payloads(self) -> Named:
        yield "a member twice", self.loaded('{"aud":"refresh","aud":"access"}')
        yield "a member twice, deep", self.loaded('{"a":[{"b":{"c":1,"c":1}}]}')
        yield "a member twice, escaped", self.loaded('{"aud":"refresh","\\u0061ud":"access"}')
        for text in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999"):
            yield text, self.loaded(f'{{"exp":{text}}}')
        yield "deep arrays", self.loaded('{"a":' + "[" * 2700 + "]" * 2700 + "}")
        yield "deep objects", self.loaded('{"a":' * 1000 + "1" + "}" * 1000)
        yield "deep and unfinished", self.loaded("[" * 5500)
        yield "5,000 digits", self.loaded('{"exp":' + "9" * 5000 + "}")
        yield "half a surrogate pair", self.loaded('{"unique_name":"\\ud800"}')
        yield "half a surrogate pair as a name", self.loaded('{"\\udfff":1}')
        yield "half a surrogate pair in UTF-8", self.loaded(b'{"unique_name":"\xed\xa0\x80"}')
        yield "payload no UTF-8", self.loaded(b'{"unique_name":"\xff"}')
        yield "overlong UTF-8", self.loaded(b'{"unique_name":"\xc0\xaf"}')
        for encoding in ("utf-16", "utf-16-le", "utf-32-be", "utf-8-sig"):
            yield f"payload in {encoding}", self.loaded('{"aud":"refresh"}'.encode(encoding))
        yield "bare control character", self.loaded('{"unique_name":"a\0b"}')
        yield "NUL after the payload", self.loaded('{"aud":"refresh"}\0')
        yield "two payloads", self.loaded('{"aud":"refresh"}{"aud":"access"}')
        for text in ("", "null", "true", "5", '"text"', "[]", "[{}]", "{", '{"a":1,}', "{'a':1}"):
            yield f"payload {text!r}", self.loaded(text)

    def _shapes(self) -> Named:
        header, payload, signature = self.genuine.split(".")
        yield from {
            "nothing": "",
            "one dot": ".",
            "two dots": "..",
            "three dots": "...",
            "no signature part": f"{header}.{payload}",
            "four parts": f"{self.genuine}.{signature}",
            "five parts, a JWE": f"{self.genuine}.{payload}.{signature}",
            "no header": f".{payload}.{signature}",
            "no payload": f"{header}..{signature}",
            "Bearer before": f"Bearer {self.genuine}",
            "quotes around": f'"{self.genuine}"',
            "space before": f" {self.genuine}",
            "newline after": f"{self.genuine}\n",
            "newline within": f"{header}.{payload[:8]}\n{payload[8:]}.{signature}",
            "NUL after": f"{self.genuine}\0",
            "NUL within": f"{header}\0.{payload}.{signature}",
            "not ASCII": f"{header}.{payload}é.{signature}",
            "full-width dots": self.genuine.replace(".", "\uff0e"),
            "half a surrogate pair alone": "\ud800",
            "half surrogate pairs": "\ud800.\udfff.\ud800",
            "half a surrogate pair after": f"{self.genuine}\ud800",
            "too long": f"{header}.{'A' * 8192}.{signature}",
            "far too long": "A" * 1_000_000,
            "only dots": "." * 100_000,
            "JSON serialization": json.dumps({"payload": payload, "signatures": []}),
        }.items()

    def _spellings(self) -> Named:
        header, payload, signature = self.genuine.split(".")
        # 256 bytes leave four spare bits in the last character.
        spare = {"A": "B", "Q": "R", "g": "h", "w": "x"}[signature[-1]]
        standard = base64.b64encode(b'{"a":"~~~???"}').decode().rstrip("=")
        yield "header with padding", f"{header}=.{payload}.{signature}"
        yield "header in other case", f"{header.swapcase()}.{payload}.{signature}"
        yield "payload with padding", f"{header}.{payload}=.{signature}"
        yield "payload with spare bits", f"{header}.eyJhIjoxfR.{signature}"
        yield "payload of one character", f"{header}.e.{signature}"
        yield "payload in base64", f"{header}.{standard}.{signature}"
        yield "signature with padding", f"{self.genuine}=="
        yield "signature with spare bits", f"{self.genuine[:-1]}{spare}"
        yield "signature in base64", f"{header}.{payload}.+/{signature[2:]}"
        yield "signature of impossible length", f"{self.genuine}AAA"
