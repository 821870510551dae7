"""Every setting with its default and its rules, those between two settings included."""

import json
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from token_server.durations import read_duration, read_lifetime, short_term_after
from token_server.settings.problem import Contradiction
from token_server.settings.readable import check_readable
from token_server.settings.readers import (
    one_of,
    optional,
    read_anonymous_grants,
    read_host,
    read_issuer,
    read_networks,
    read_origins,
    read_path,
    read_store_url,
    some_of,
    whole_number,
)
from token_server.tokens.model import Policy

Dialect = Literal["form", "json", "header"]
RefreshPolicy = Literal["rotating", "reusable"]

_Networks = Annotated[tuple[str, ...], PlainValidator(read_networks)]
_Host = Annotated[str, PlainValidator(read_host)]
_Port = Annotated[int, PlainValidator(whole_number(0, 65535))]
_OptionalPath = Annotated[Path | None, PlainValidator(optional(read_path))]
_RefreshPolicy = Annotated[RefreshPolicy, PlainValidator(one_of("rotating", "reusable"))]
_OnlyWhereUseful = Annotated[Literal["auto", "off"], PlainValidator(one_of("auto", "off"))]
_Duration = Annotated[timedelta, PlainValidator(read_duration)]
_OptionalDuration = Annotated[timedelta | None, PlainValidator(optional(read_duration))]
_Lifetime = Annotated[timedelta, PlainValidator(read_lifetime)]
_OptionalLifetime = Annotated[timedelta | None, PlainValidator(optional(read_lifetime))]

ON_THIS_MACHINE: Final = {"files": "checked"}
"""Validation context: the files that are named are looked at, too."""


class Settings(BaseModel):
    """Valid once made; its repr masks secrets."""

    # pydantic's own messages would show the values.
    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True
    )

    host: _Host = "127.0.0.1"
    port: _Port = 8080
    admin_host: _Host = "127.0.0.1"
    admin_port: _Port = 9090
    workers: Annotated[int | None, PlainValidator(optional(whole_number(1, 1024)))] = None
    issuer: Annotated[str, PlainValidator(read_issuer)] = "http://127.0.0.1:8080"
    tls_cert_file: _OptionalPath = None
    tls_key_file: _OptionalPath = None
    trusted_proxies: _Networks = ()
    keep_alive: _Lifetime = timedelta(seconds=65)
    drain_period: _Duration = timedelta(0)
    store_url: Annotated[SecretStr, PlainValidator(read_store_url)] = SecretStr(
        "embedded:var/store"
    )
    keys_url: Annotated[Literal["store:"] | None, PlainValidator(optional(one_of("store:")))] = (
        None
    )
    keys_dir: _OptionalPath = Field(
        default_factory=lambda earlier: None if earlier.get("keys_url") else Path("keys")
    )
    key_size: Annotated[int, PlainValidator(one_of(2048, 3072, 4096))] = 2048
    keys_passphrase_file: _OptionalPath = None
    multi_buffer_signing: Annotated[
        Literal["auto", "off"], PlainValidator(one_of("auto", "off"))
    ] = "auto"
    clients_file: _OptionalPath = None
    dialects: Annotated[tuple[Dialect, ...], PlainValidator(some_of("form", "json", "header"))] = (
        "form",
        "json",
        "header",
    )
    anonymous_grants: Annotated[tuple[str, ...], PlainValidator(read_anonymous_grants)] = Field(
        default_factory=lambda earlier: grants_without_clients(earlier.get("clients_file"))
    )
    json_refresh_policy: _RefreshPolicy = "rotating"
    header_refresh_policy: _RefreshPolicy = "reusable"
    cors_origins: Annotated[tuple[str, ...], PlainValidator(read_origins)] = ()
    password_min_length: Annotated[int, PlainValidator(whole_number(8, 128))] = 12
    access_token_lifetime: _Lifetime = timedelta(seconds=900)
    refresh_token_lifetime: _Lifetime = timedelta(days=14)
    short_term_refresh_token_lifetime: _Lifetime = Field(
        default_factory=lambda earlier: short_term_after(earlier["access_token_lifetime"])
    )
    session_lifetime: _OptionalLifetime = None
    grace_period: _Duration = timedelta(seconds=60)
    recovery_period: _OptionalDuration = None
    key_propagation_period: _Lifetime = timedelta(hours=1)
    key_rotation_interval: _Lifetime = timedelta(days=90)

    def policy(self) -> Policy:
        return Policy(
            access_token_lifetime=self.access_token_lifetime,
            refresh_token_lifetime=self.refresh_token_lifetime,
            short_term_refresh_token_lifetime=self.short_term_refresh_token_lifetime,
            session_lifetime=self.session_lifetime,
            grace_period=self.grace_period,
            recovery_period=self.recovery_period,
        )

    def to_handover(self) -> bytes:
        """Everything, secrets included, for a worker's private pipe."""
        return json.dumps({name: _plain(value) for name, value in self}).encode()

    @classmethod
    def from_handover(cls, handover: bytes) -> Self:
        """The same settings again; no file is looked at a second time."""
        return cls.model_validate(json.loads(handover))

    @field_validator("keys_passphrase_file", "tls_cert_file", "tls_key_file", "clients_file")
    @classmethod
    def _can_be_read(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is not None and info.context == ON_THIS_MACHINE:
            check_readable(path)
        return path

    @field_validator("keys_dir")
    @classmethod
    def _is_not_beside_the_store(cls, folder: Path | None, info: ValidationInfo) -> Path | None:
        if folder is not None and info.data.get("keys_url"):
            raise Contradiction("must not be set together with KEYS_URL", other="keys_url")
        return folder

    @field_validator("keys_passphrase_file")
    @classmethod
    def _guards_keys_in_the_store(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is None and info.data.get("keys_url"):
            raise Contradiction("must be set where KEYS_URL is", other="keys_url")
        return path

    @field_validator("admin_port")
    @classmethod
    def _listens_elsewhere(cls, port: int, info: ValidationInfo) -> int:
        hosts = {info.data.get("host"), info.data.get("admin_host")}
        overlap = len(hosts) == 1 or any(map(_is_every_address, hosts))
        if port and port == info.data.get("port") and None not in hosts and overlap:
            raise Contradiction("must differ from PORT on the same host", other="port")
        return port

    @field_validator("tls_key_file")
    @classmethod
    def _comes_with_its_certificate(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        if "tls_cert_file" in info.data and (key is None) != (info.data["tls_cert_file"] is None):
            raise Contradiction(
                "must be set together with TLS_CERT_FILE, or neither", other="tls_cert_file"
            )
        return key


def grants_without_clients(clients_file: Path | None) -> tuple[str, ...]:
    """Return the default of ANONYMOUS_GRANTS; registered clients log users in (RFC 9700 §2.4)."""
    return read_anonymous_grants("refresh" if clients_file else "password,refresh")


def _is_every_address(host: str | None) -> bool:
    try:
        return ip_address(host or "").is_unspecified
    except ValueError:
        return False


def _plain(value: object) -> object:
    """What JSON can hold and the setting's reader takes for the same."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case timedelta():
            return value // timedelta(seconds=1)
        case Path():
            return str(value)
        case _:
            return value
