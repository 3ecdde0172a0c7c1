"""Settings, read from the environment and `.env`; a wrong one stops the start with its cure."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from atmos.client import CONFIRM_PATH, CONFIRM_TIMEOUT


class SettingsError(Exception):
    """One line for each setting that is wrong, saying what to write."""


class AtmosEnv(StrEnum):
    production = "production"
    test = "test"
    sandbox = "sandbox"


HOSTS = {
    AtmosEnv.production: "https://partner.atmos.uz",
    AtmosEnv.test: "https://apigw.atmos.uz",  # the same host takes the test keys
    AtmosEnv.sandbox: "http://127.0.0.1:8090",  # python -m sandbox.atmos
}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
SANDBOX_CREDENTIAL = "sandbox"
NO_VALUE = {"", "false", "none", "null"}  # what templates write where they have nothing


def _https_or_loopback(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url.rstrip("/")
    if parts.scheme == "http" and parts.hostname in LOOPBACK:
        return url.rstrip("/")
    raise ValueError("write an https:// address (http:// is for this machine only)")


def _not_empty(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value().strip().lower() in NO_VALUE:
        raise ValueError("write the value that ATMOS gave you")
    return secret


def _token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", token.get_secret_value()):
        raise ValueError("is no bot token")
    return token


def _database(url: SecretStr) -> SecretStr:
    if not re.match(r"(sqlite\+aiosqlite|postgresql\+asyncpg)://", url.get_secret_value()):
        raise ValueError("is no database of ours")
    return url


def _proxy(url: SecretStr) -> SecretStr:
    if not re.match(r"https?://[^/\s]", url.get_secret_value()):
        raise ValueError("is no proxy")
    return url


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _empty_is_unset(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


Url = Annotated[str, AfterValidator(_https_or_loopback)]
Secret = Annotated[SecretStr, AfterValidator(_not_empty)]
Seconds = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """Every setting by the name it has in the environment, without regard to case.

    Times are in seconds.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", hide_input_in_errors=True
    )

    bot_token: Annotated[SecretStr, AfterValidator(_token)]
    telegram_api_url: Url = "https://api.telegram.org"
    admin_chat_id: int
    admin_topic_id: Annotated[int | None, BeforeValidator(_empty_is_unset)] = None

    atmos_env: AtmosEnv
    atmos_base_url: Annotated[Url | None, BeforeValidator(_empty_is_unset)] = None
    atmos_confirm_path: Annotated[
        str, Field(pattern="^/"), BeforeValidator(lambda path: path or CONFIRM_PATH)
    ] = CONFIRM_PATH
    atmos_store_id: int = Field(gt=0)
    atmos_consumer_key: Secret
    atmos_consumer_secret: Secret
    atmos_callback_key: Annotated[Secret | None, BeforeValidator(_empty_is_unset)] = None
    atmos_proxy_url: Annotated[
        Annotated[SecretStr, AfterValidator(_proxy)] | None, BeforeValidator(_empty_is_unset)
    ] = None

    database_url: Annotated[SecretStr, AfterValidator(_database)] = SecretStr(
        "sqlite+aiosqlite:///data/checkout.db"
    )
    offers_file: Path = Path("offers.toml")
    default_language: Literal["uz", "ru", "en"] = "uz"

    checkout_ttl: Seconds = 900
    card_ttl: Seconds = Field(180, le=180)
    otp_ttl: Seconds = 180
    otp_resend_after: Seconds = 60
    confirm_timeout: Seconds = CONFIRM_TIMEOUT
    reconcile_delays: Annotated[
        tuple[Seconds, ...], NoDecode, BeforeValidator(_comma_separated), Field(min_length=1)
    ] = (130, 300, 900, 3600, 21600, 86400)

    web_host: str = Field("127.0.0.1", min_length=1)
    web_port: int = Field(0, ge=0, le=65535)
    support_contact: Annotated[str | None, BeforeValidator(_empty_is_unset)] = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"

    @property
    def atmos_url(self) -> str:
        return self.atmos_base_url or HOSTS[self.atmos_env]

    def secrets(self) -> tuple[str, ...]:
        """Give every secret value, for whoever must keep them out of sight."""
        values = (getattr(self, name) for name in type(self).model_fields)
        secrets = {value.get_secret_value() for value in values if isinstance(value, SecretStr)}
        return tuple(secrets - {SANDBOX_CREDENTIAL})

    @model_validator(mode="after")
    def _they_fit_together(self) -> "Settings":
        """Keep the sandbox's public keys out of a shop, and a shop's keys out of the sandbox."""
        keys = {
            self.atmos_consumer_key.get_secret_value(),
            self.atmos_consumer_secret.get_secret_value(),
        }
        if self.atmos_env is not AtmosEnv.sandbox and SANDBOX_CREDENTIAL in keys:
            raise ValueError(
                "ATMOS_CONSUMER_KEY, ATMOS_CONSUMER_SECRET: "
                "these are the sandbox's; write the keys ATMOS gave you, or ATMOS_ENV=sandbox"
            )
        loopback = urlsplit(self.atmos_url).hostname in LOOPBACK
        if self.atmos_env is AtmosEnv.sandbox and not loopback:
            raise ValueError(
                "ATMOS_BASE_URL: the sandbox runs on this machine; "
                "write its http://127.0.0.1 address, or another ATMOS_ENV"
            )
        return self


CURES = {
    "bot_token": "write the token that @BotFather gave you, like 123456:AA…",
    "admin_chat_id": "write the admin group's id, a negative number like -1001234567890",
    "atmos_env": "write production, test or sandbox",
    "atmos_store_id": "write the store id that ATMOS gave you, a positive number",
    "atmos_consumer_key": "write the consumer key that ATMOS gave you",
    "atmos_consumer_secret": "write the consumer secret that ATMOS gave you",
    "atmos_confirm_path": "write a path that begins with /, like /merchant/pay/confirm",
    "atmos_proxy_url": "write it like http://user:password@host:port, or leave it empty",
    "database_url": (
        "write sqlite+aiosqlite:///data/checkout.db, "
        "or postgresql+asyncpg://user:password@host/database"
    ),
    "web_host": "write an address to listen at, like 127.0.0.1",
    "reconcile_delays": "write positive seconds with commas between, like 130,300,900",
    "web_port": "write a port from 1 to 65535, or 0 for no web server",
    "card_ttl": "write seconds, 180 at most",
}


def load(**overrides: object) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: With a line for each one that is missing or wrong; values are not shown.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = map(_line, error.errors(include_input=False))
        raise SettingsError("\n".join(dict.fromkeys(lines))) from None


def _line(problem: ErrorDetails) -> str:
    said = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return said
    name = str(problem["loc"][0])
    return f"{name.upper()}: {CURES.get(name) or said}"
