"""What bodies look like: the schemas that operations refer to."""

from collections.abc import Iterable

from token_server.web.dialects import camel, json_body, request_header, rfc6749
from token_server.web.openapi.parts import Part, members, ref, text

_SEVEN_DIGITS = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$"
_SIX_DIGITS = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
_MOMENT = text(pattern=_SEVEN_DIGITS)
_PATH = text("The path of the request.", format="uri-reference")
_TRACE_ID = text("Names this one refusal, here and in the operator's log.")
_SECOND = text(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
_STATUS: Part = {"type": "integer"}
_SECONDS: Part = {"type": "integer", "minimum": 0}


def common() -> dict[str, Part]:
    return {
        "Token": text("A compact JWS, RS512."),
        "CamelRefusal": _problem(),
        "Health": members({"status": text()}),
        "JwkSet": members({"keys": {"type": "array", "items": members({"kty": text()})}}),
    }


def of_form(*, with_clients: bool) -> dict[str, Part]:
    alone, moments = _access_token_alone(), _moments()
    pair: dict[str, Part] = {
        **alone,
        "refresh_token": ref("Token"),
        "refresh_token_expires_in": _SECONDS,
        "refreshTokenExpiresAt": _MOMENT,
        **moments,
    }
    of_clients = {
        "StandardAccessToken": members(
            {**alone, **moments}, scope=text(), issued_token_type=text()
        ),
        "Introspection": members({"active": {"type": "boolean"}}),
    }
    return {
        "CamelPair": _camel_pair(),
        "StandardPair": members(pair, scope=text()),
        "StandardRefusal": _standard_refusal(),
        "Metadata": members({"issuer": text(format="uri"), "token_endpoint": text(format="uri")}),
        **(of_clients if with_clients else {}),
    }


def _camel_pair() -> Part:
    both = {"access_token": ref("Token"), "refresh_token": ref("Token")}
    again = {"accessToken": ref("Token"), "refreshToken": ref("Token")}
    return members(
        {
            **both,
            "accessTokenExpiresAt": _MOMENT,
            "refreshTokenExpiresAt": _MOMENT,
            **again,
            "token_type": {"const": "bearer"},
            "expires_in": _SECONDS,
        }
    )


def _access_token_alone() -> dict[str, Part]:
    return {
        "access_token": ref("Token"),
        "token_type": {"const": "bearer"},
        "expires_in": _SECONDS,
    }


def _moments() -> dict[str, Part]:
    return {"accessTokenExpiresAt": _MOMENT, ".issued": _SECOND, ".expires": _SECOND}


def _standard_refusal() -> Part:
    rows = rfc6749.REFUSALS.values()
    return members(
        {
            "error": _one_of(row.error for row in rows),
            "error_description": text(),
            "errorCode": _one_of(row.error_code for row in rows),
            "message": text(),
            "title": text(),
            "detail": text(),
            "status": _STATUS,
        }
    )


def of_json_body() -> dict[str, Part]:
    rank = {"type": "object", "required": list(json_body.RANK)}
    return {
        "JsonPair": members(
            {
                "auth": members(
                    {
                        "access_token": ref("Token"),
                        "refresh_token": ref("Token"),
                        "token_type": {"const": "bearer"},
                        "expires_in": _SECONDS,
                    }
                ),
                "user": {
                    "description": "The profile. What the operator gave stands as it was given.",
                    "type": "object",
                    "properties": {"rank": {"if": {"type": "object"}, "then": rank}},
                    "required": list(json_body.USER),
                },
            }
        ),
        "JsonRefusal": members(
            {"message": text()},
            errors={
                "description": "By member, where members are at fault.",
                "type": "object",
                "additionalProperties": {"type": "array", "items": text()},
            },
        ),
    }


def of_request_header() -> dict[str, Part]:
    tokens = members({"accessToken": ref("Token"), "refreshToken": ref("Token")})
    user: Part = {"type": "object", "required": ["id", "email"]}

    def envelope(message: str, **data: Part) -> Part:
        return members(
            {"status": {"const": 200}, "message": {"const": message}, "data": members(data)}
        )

    return {
        "HeaderPair": envelope("Token refreshed successfully", tokens=tokens),
        "HeaderLogIn": envelope("Login successful", user=user, tokens=tokens),
        "HeaderRefusal": members(
            {
                "type": {"const": "about:blank"},
                "title": text(),
                "status": _STATUS,
                "code": _one_of(row.code for row in request_header.REFUSALS.values()),
                "detail": text(),
                "instance": _PATH,
                "timestamp": text(pattern=_SIX_DIGITS),
            },
            traceId=_TRACE_ID,
        ),
    }


def _problem() -> Part:
    rows = camel.REFUSALS.values()
    return members(
        {
            "type": {"const": "about:blank"},
            "title": text(),
            "status": _STATUS,
            "detail": text(),
            "instance": _PATH,
            "errorCode": _one_of(row.error_code for row in rows),
            "message": text(),
            "error": _one_of(row.error for row in rows),
            "error_description": text(),
        },
        traceId=_TRACE_ID,
    )


def _one_of(words: Iterable[str]) -> Part:
    return {"enum": sorted(set(words))}
