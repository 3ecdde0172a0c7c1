"""Settings, read from the environment and `.env`; a wrong one stops the start with its cure."""

import base64
import re
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv.parser import Binding, parse_stream
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
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

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
ENV_FILE = Path(".env")
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
SANDBOX_CREDENTIAL = "sandbox"
MINUTE, DAY = 60, 24 * 3600  # seconds
LONGEST = 30 * DAY
LAST_PORT = 65535
CALLBACK_PATH = "/atmos/callback"
MOST = 10_000  # of anything that is counted: no limit at all
KEY_LENGTH = 32  # bytes
WEBHOOK_PORTS = {None, 443, 80, 88, 8443}  # that Telegram comes to
TELEGRAM = "https://api.telegram.org"
NO_VALUE = {"", "false", "none", "null"}  # what templates write where they have nothing


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach what listens there."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _address(url: str) -> tuple[str, str]:
    """Give scheme and host; both are empty where the port is no port."""
    try:
        parts = urlsplit(url)
        usable = parts.port != 0
    except ValueError:
        return "", ""
    return (parts.scheme, parts.hostname or "") if usable else ("", "")


def _https_or_loopback(url: str) -> str:
    scheme, host = _address(url)
    if (scheme == "https" and host) or (scheme == "http" and host in LOOPBACK):
        return url.rstrip("/")
    raise ValueError("write an https:// address (http:// is for this machine only)")


def _with_path(url: str) -> str:
    if urlsplit(url).path in ("", "/", CALLBACK_PATH):
        raise ValueError("has no path of its own")
    return url


def _not_empty(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value().strip().lower() in NO_VALUE:
        raise ValueError("write the value that ATMOS gave you")
    return secret


def _token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", token.get_secret_value()):
        raise ValueError("is no bot token")
    return token


def _database(secret: SecretStr) -> SecretStr:
    try:
        url = make_url(secret.get_secret_value())
    except (ArgumentError, ValueError):  # a port that is no number is the latter
        raise ValueError("is no database") from None
    if url.drivername not in {"sqlite+aiosqlite", "postgresql+asyncpg"}:
        raise ValueError("is no database of ours")
    if url.port is not None and not 0 < url.port <= LAST_PORT:
        raise ValueError("has no such port")
    if url.get_backend_name() == "sqlite" and url.host:
        raise ValueError("has a slash too few")
    return secret


def _is_in_memory(database: str) -> bool:
    url = make_url(database)
    named = url.database and ":memory:" not in url.database and url.query.get("mode") != "memory"
    return url.get_backend_name() == "sqlite" and not named


def _proxy(url: SecretStr) -> SecretStr:
    scheme, host = _address(url.get_secret_value())
    if scheme not in {"http", "https"} or not host:
        raise ValueError("is no proxy")
    return url


def _redis(url: SecretStr) -> SecretStr:
    scheme, host = _address(url.get_secret_value())
    if scheme not in {"redis", "rediss"} or not host:
        raise ValueError("is no Redis")
    return url


def sealing_key(text: str) -> bytes:
    """Read the key that cards are sealed with, in either alphabet of base64.

    Raises:
        ValueError: It is not 32 bytes.
    """
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    key = base64.b64decode(padded.translate(str.maketrans("-_", "+/")), validate=True)
    if len(key) != KEY_LENGTH:
        raise ValueError("is no key")
    return key


def _card_key(secret: SecretStr) -> SecretStr:
    sealing_key(secret.get_secret_value())
    return secret


def _ascending(delays: tuple[float, ...]) -> tuple[float, ...]:
    if any(later <= sooner for sooner, later in pairwise(delays)):
        raise ValueError("are not ascending")
    return delays


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


Url = Annotated[str, AfterValidator(_https_or_loopback)]
Secret = Annotated[SecretStr, AfterValidator(_not_empty)]
Count = Annotated[int, Field(gt=0, le=MOST)]
Seconds = Annotated[float, Field(gt=0, le=LONGEST, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Every setting by the name it has in the environment, without regard to case.

    Times are in seconds.
    """

    model_config = SettingsConfigDict(
        env_file=ENV_FILE, env_file_encoding="utf-8-sig", extra="ignore", hide_input_in_errors=True
    )

    bot_token: Annotated[SecretStr, AfterValidator(_token)]
    telegram_api_url: Url = TELEGRAM
    webhook_url: Annotated[Url, AfterValidator(_with_path)] | None = None
    admin_chat_id: int = Field(lt=0)
    admin_topic_id: int | None = Field(None, gt=0)

    atmos_env: Annotated[AtmosEnv, BeforeValidator(_lower)]
    atmos_base_url: Url | None = None
    atmos_confirm_path: str = Field(CONFIRM_PATH, pattern="^/")
    atmos_store_id: int = Field(gt=0)
    atmos_consumer_key: Secret
    atmos_consumer_secret: Secret
    atmos_callback_key: Secret | None = None
    atmos_proxy_url: Annotated[SecretStr, AfterValidator(_proxy)] | None = None

    database_url: Annotated[SecretStr, AfterValidator(_database)] = SecretStr(
        "sqlite+aiosqlite:///data/checkout.db"
    )
    redis_url: Annotated[SecretStr, AfterValidator(_redis)] | None = None
    card_key: Annotated[SecretStr, AfterValidator(_card_key)] | None = None
    offers_file: Path = Path("offers.toml")
    default_language: Annotated[Literal["uz", "ru", "en"], BeforeValidator(_lower)] = "uz"

    checkout_ttl: Seconds = 900
    card_ttl: float = Field(180, gt=0, le=180)
    otp_ttl: Seconds = 180
    otp_resend_after: Seconds = 60
    confirm_timeout: Seconds = CONFIRM_TIMEOUT
    reconcile_delays: Annotated[
        tuple[Seconds, ...],
        NoDecode,
        BeforeValidator(_comma_separated),
        AfterValidator(_ascending),
        Field(min_length=1),
    ] = (130, 300, 900, 3600, 21600, 86400)

    cards_an_hour: Count = 5
    code_requests_a_day: Count = 10
    codes_a_challenge: Count = 3
    wrong_codes_a_day: Count = 20
    payments_a_day: Count = 20

    messages_a_second: Annotated[int, Field(ge=1, le=1000)] = 25  # Telegram lets about 30 pass

    retention_days: int = Field(90, ge=30, le=3650)
    atmos_callback_networks: Annotated[
        tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_comma_separated)
    ] = ()

    web_host: str = "127.0.0.1"
    web_port: int = Field(0, ge=0, le=LAST_PORT)
    health_host: str = "127.0.0.1"
    health_port: int = Field(0, ge=0, le=LAST_PORT)
    support_contact: str | None = None
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = (
        "INFO"
    )
    log_format: Annotated[Literal["console", "json"], BeforeValidator(_lower)] = "console"

    @property
    def atmos_url(self) -> str:
        return self.atmos_base_url or HOSTS[self.atmos_env]

    @property
    def health_at(self) -> tuple[str, int] | None:
        """Give where health and metrics are: never at WEB_PORT, where a proxy leads everybody."""
        return (self.health_host, self.health_port) if self.health_port else None

    def secrets(self) -> tuple[str, ...]:
        """Give every secret value, for whoever must keep them out of sight.

        The password of an address stands for itself too: an error may quote it alone.
        """
        given = {name: getattr(self, name) for name in type(self).model_fields}
        secrets = {
            name: value.get_secret_value()
            for name, value in given.items()
            if isinstance(value, SecretStr)
        }
        urls = [make_url(value) for name, value in secrets.items() if name.endswith("_url")]
        passwords = {str(url.password) for url in urls if url.password}
        found = {*secrets.values(), *passwords} - {SANDBOX_CREDENTIAL}
        return tuple(sorted(found, key=len, reverse=True))  # an address before its password

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Take an empty line for no line, and no blanks around a value."""
        stripped = {
            name: value.strip() if isinstance(value, str) else value
            for name, value in given.items()
        }
        return {name: value for name, value in stripped.items() if value != ""}

    @model_validator(mode="after")
    def _there_is_time_enough(self) -> "Settings":
        """Keep what is believed from being believed too early; the sandbox is as fast as told."""
        least = {
            "confirm_timeout": (self.confirm_timeout, CONFIRM_TIMEOUT),  # or a charge comes later
            "reconcile_delays": (self.reconcile_delays[-1], DAY),  # seven times, a week
            "checkout_ttl": (self.checkout_ttl, MINUTE),
            "otp_ttl": (self.otp_ttl, MINUTE),
        }
        short = [name for name, (given, wanted) in least.items() if given < wanted]
        if short and self.atmos_env is not AtmosEnv.sandbox:
            raise ValueError("\n".join(f"{name.upper()}: {TOO_SHORT[name]}" for name in short))
        return self

    @model_validator(mode="after")
    def _updates_come_in(self) -> "Settings":
        if self.webhook_url and not self.web_port:
            raise ValueError("WEBHOOK_URL: set WEB_PORT too, where your proxy leads that address")
        return self

    @model_validator(mode="after")
    def _telegram_comes_there(self) -> "Settings":
        """Refuse what Telegram refuses; a Bot API server of one's own takes any address."""
        if not self.webhook_url or self.telegram_api_url != TELEGRAM:
            return self
        if re.search(r"[\s#]", self.webhook_url):
            raise ValueError(f"WEBHOOK_URL: no blank and no # inside; {CURES['webhook_url']}")
        parts = urlsplit(self.webhook_url)
        if parts.scheme != "https":
            raise ValueError(f"WEBHOOK_URL: Telegram comes by https alone; {CURES['webhook_url']}")
        if parts.port not in WEBHOOK_PORTS:
            raise ValueError(
                "WEBHOOK_URL: Telegram comes to the ports 443, 80, 88 and 8443 alone; write none "
                "(443) or one of them, and let your proxy lead it to WEB_PORT"
            )
        return self

    @model_validator(mode="after")
    def _questions_come_in(self) -> "Settings":
        if self.atmos_callback_key and not self.web_port:
            raise ValueError("ATMOS_CALLBACK_KEY: set WEB_PORT too, where ATMOS asks")
        return self

    @model_validator(mode="after")
    def _payments_are_kept(self) -> "Settings":
        if _is_in_memory(self.database_url.get_secret_value()):
            raise ValueError(
                "DATABASE_URL: in memory, payments would be forgotten; "
                "write sqlite+aiosqlite:///data/checkout.db"
            )
        return self

    @model_validator(mode="after")
    def _each_listens_at_its_own_port(self) -> "Settings":
        if self.health_port and self.health_port == self.web_port:
            raise ValueError("HEALTH_PORT: write another port than WEB_PORT's")
        return self

    @model_validator(mode="after")
    def _cards_are_sealed(self) -> "Settings":
        """Let no card out of this process in the open."""
        if self.redis_url is not None and self.card_key is None:
            raise ValueError(f"CARD_KEY: cards in Redis are sealed; {CURES['card_key']}")
        return self

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


TOO_SHORT = {
    "confirm_timeout": "write 120 or more; ATMOS may charge as late as that",
    "reconcile_delays": "end with 86400 or more, so that ATMOS is asked for a week",
    "checkout_ttl": "write 60 or more, in which a student has to answer",
    "otp_ttl": "write 60 or more, in which a student has to type the code",
}
SECONDS = "write seconds, more than 0 and at most 2592000 (30 days)"
COUNT = "write a number from 1 to 10000"
CURES = {
    **dict.fromkeys(("checkout_ttl", "otp_ttl", "otp_resend_after", "confirm_timeout"), SECONDS),
    **dict.fromkeys(
        (
            "cards_an_hour",
            "code_requests_a_day",
            "codes_a_challenge",
            "wrong_codes_a_day",
            "payments_a_day",
        ),
        COUNT,
    ),
    "messages_a_second": "write a number from 1 to 1000",
    "bot_token": "write the token that @BotFather gave you, like 123456:AA…",
    "webhook_url": "write an https:// address with a path, like https://pay.example.uz/telegram",
    "admin_chat_id": "write the admin group's id, a negative number like -1001234567890",
    "admin_topic_id": "write the topic's number, or leave it empty",
    "atmos_env": "write production, test or sandbox",
    "atmos_store_id": "write the store id that ATMOS gave you, a positive number",
    "atmos_consumer_key": "write the consumer key that ATMOS gave you",
    "atmos_consumer_secret": "write the consumer secret that ATMOS gave you",
    "atmos_confirm_path": "write a path that begins with /, like /merchant/pay/confirm",
    "atmos_proxy_url": "write it like http://user:password@host:port, or leave it empty",
    "default_language": "write uz, ru or en",
    "log_level": "write DEBUG, INFO, WARNING or ERROR",
    "log_format": "write console or json",
    "database_url": (
        "write sqlite+aiosqlite:///data/checkout.db, "
        "or postgresql+asyncpg://user:password@host/database"
    ),
    "redis_url": "write redis://:password@host:6379/0, rediss:// for TLS, or leave it empty",
    "card_key": "write 32 random bytes as `openssl rand -base64 32` prints them",
    "reconcile_delays": (
        "write positive seconds with commas between, each more than the one before, "
        "like 130,300,900; at most 2592000 (30 days)"
    ),
    "web_port": "write a port from 1 to 65535, or 0 for no web server",
    "health_port": "write a port from 1 to 65535, or 0 for none",
    "retention_days": "write days, from 30 to 3650",
    "atmos_callback_networks": "write networks with commas between, like 192.0.2.0/24",
    "card_ttl": "write seconds, 180 at most",
}


NO_FILE = "no .env here: install -m 600 .env.example .env, and fill it in"
A_FOLDER = ".env is a folder: remove it, install -m 600 .env.example .env, and fill that in"
NAME = r"[A-Z][A-Z0-9_]*|[a-z][a-z0-9_]*"


def load(**overrides: object) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: With a line for each one that is missing or wrong; values are not shown.
    """
    try:
        _see_that_each_line_is_read()
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = error.errors(include_input=False)
        missing = any(problem["type"] == "missing" for problem in problems)
        hint = _no_file() if missing else []
        lines = dict.fromkeys(hint + [_line(problem) for problem in problems])
        raise SettingsError("\n".join(lines)) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{ENV_FILE}: save it as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{ENV_FILE}: cannot be read ({error.strerror})") from None


def no_settings() -> list[str]:
    """Give what `.env` names that is no setting.

    What does not look like a name may be a piece of a key: its line is given in its place.
    """
    names = {
        binding.key if re.fullmatch(NAME, binding.key) else f"something in line {_number(binding)}"
        for binding in _bindings()
        if binding.key and binding.key.lower() not in Settings.model_fields
    }
    return sorted(names)


def _no_file() -> list[str]:
    if ENV_FILE.is_dir():
        return [A_FOLDER]
    return [] if ENV_FILE.exists() else [NO_FILE]


def _bindings() -> list[Binding]:
    """Give what stands in `.env`, where it is a file; a pipe could be read only once."""
    if not ENV_FILE.is_file():
        return []
    with ENV_FILE.open(encoding="utf-8-sig") as file:
        return list(parse_stream(file))


def _see_that_each_line_is_read() -> None:
    """Refuse a line that would be passed over, or would take in those below it.

    Raises:
        SettingsError: There is one; its text may hold a key, and is not shown.
    """
    for binding in _bindings():
        if binding.error or "\n" in (binding.value or ""):
            raise SettingsError(
                f"{ENV_FILE}: line {_number(binding)} cannot be read: write NAME=value there, "
                "without quotes"
            )


def _number(binding: Binding) -> int:
    """Count to the line of a binding: what is read begins with the empty lines above it."""
    text = binding.original.string
    return binding.original.line + text[: -len(text.lstrip())].count("\n")


def _line(problem: ErrorDetails) -> str:
    said = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return said
    name = str(problem["loc"][0])
    return f"{name.upper()}: {CURES.get(name) or said}"
