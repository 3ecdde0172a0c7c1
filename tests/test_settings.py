"""A wrong setting stops the start with one line that names it and says what to write."""

import base64
import re
from pathlib import Path

import pytest

from atmos.client import CONFIRM_PATH
from bot.settings import AtmosEnv, Settings, SettingsError, load, sealing_key

ROOT = Path(__file__).parent.parent
NAMES = {name.upper() for name in Settings.model_fields}
GOOD = {
    "BOT_TOKEN": "700000001:AAtest-token-of-no-bot-at-all-0000000",
    "ADMIN_CHAT_ID": "-1001234567890",
    "ATMOS_ENV": "production",
    "ATMOS_STORE_ID": "57",
    "ATMOS_CONSUMER_KEY": "key-of-the-shop",
    "ATMOS_CONSUMER_SECRET": "secret-of-the-shop",
}
REQUIRED = sorted(GOOD)
SECRETS = {
    "BOT_TOKEN": GOOD["BOT_TOKEN"],
    "ATMOS_CONSUMER_KEY": GOOD["ATMOS_CONSUMER_KEY"],
    "ATMOS_CONSUMER_SECRET": GOOD["ATMOS_CONSUMER_SECRET"],
    "ATMOS_CALLBACK_KEY": "key-of-the-callback",
    "ATMOS_PROXY_URL": "http://shop:proxy-password@10.0.0.1:3128",
    "DATABASE_URL": "postgresql+asyncpg://shop:database-password@db/checkout",
    "REDIS_URL": "redis://:redis-password@cache:6379/0",
    "CARD_KEY": "bWFkZS11cC1rZXktb2YtMzItYnl0ZXMtbm9ib2R5cyE=",
}
PASSWORDS = ("proxy-password", "database-password", "redis-password")


@pytest.fixture
def loaded(monkeypatch, tmp_path):
    """Give the settings of an environment that holds nothing but the good ones and `changes`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").touch()
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def load_with(**changes):
        for name, value in (GOOD | changes).items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        return load(_env_file=None)

    return load_with


@pytest.fixture
def refused(loaded):
    """Give the lines of the refusal of such an environment."""

    def lines(**changes):
        with pytest.raises(SettingsError) as error:
            loaded(**changes)
        return str(error.value).splitlines()

    return lines


def test_six_settings_are_enough(loaded):
    settings = loaded()

    assert settings.bot_token.get_secret_value() == GOOD["BOT_TOKEN"]
    assert (settings.admin_chat_id, settings.admin_topic_id) == (-1001234567890, None)
    assert settings.atmos_env is AtmosEnv.production
    assert settings.atmos_url == "https://partner.atmos.uz"
    assert settings.atmos_confirm_path == CONFIRM_PATH
    assert settings.telegram_api_url == "https://api.telegram.org"
    assert settings.database_url.get_secret_value() == "sqlite+aiosqlite:///data/checkout.db"
    assert settings.offers_file == Path("offers.toml")
    assert settings.default_language == "uz"
    assert settings.card_ttl == settings.otp_ttl == 180
    assert settings.confirm_timeout == 120
    assert settings.reconcile_delays == (130, 300, 900, 3600, 21600, 86400)
    assert settings.reconcile_delays[0] > settings.confirm_timeout
    assert (settings.web_host, settings.web_port) == ("127.0.0.1", 0)
    assert (settings.log_level, settings.log_format) == ("INFO", "console")


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_is_named_with_what_to_write(refused, name):
    [line] = refused(**{name: None})

    assert re.match(rf"{name}: write ", line)


def test_every_missing_setting_has_its_line(refused):
    lines = refused(**dict.fromkeys(REQUIRED))

    assert sorted(line.split(":")[0] for line in lines) == REQUIRED


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", ["false", "", " ", "null"])
def test_what_a_template_writes_for_nothing_is_refused(refused, name, value):
    """Failure story C7."""
    [line] = refused(**{name: value})

    assert re.match(rf"{name}: write ", line)


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("BOT_TOKEN", "700000001", "write the token that @BotFather gave you"),
        ("BOT_TOKEN", "bot700000001:AAtest", "write the token that @BotFather gave you"),
        ("ADMIN_CHAT_ID", "@admins", "write the admin group's id, a negative number"),
        ("ADMIN_CHAT_ID", "1001234567890", "write the admin group's id, a negative number"),
        ("ADMIN_CHAT_ID", "0", "write the admin group's id, a negative number"),
        ("ADMIN_TOPIC_ID", "false", "write the topic's number, or leave it empty"),
        ("ADMIN_TOPIC_ID", "0", "write the topic's number, or leave it empty"),
        ("ADMIN_TOPIC_ID", "-5", "write the topic's number, or leave it empty"),
        ("TELEGRAM_API_URL", "http://api.telegram.org", "write an https:// address"),
        ("TELEGRAM_API_URL", "false", "write an https:// address"),
        ("ATMOS_ENV", "prod", "write production, test or sandbox"),
        ("ATMOS_BASE_URL", "http://partner.atmos.uz", "write an https:// address"),
        ("ATMOS_BASE_URL", "http://127.0.0.1.evil.uz", "write an https:// address"),
        ("ATMOS_BASE_URL", "http://127.0.0.1@evil.uz", "write an https:// address"),
        ("ATMOS_BASE_URL", "http://0.0.0.0:8090", "write an https:// address"),
        ("ATMOS_BASE_URL", "partner.atmos.uz", "write an https:// address"),
        ("ATMOS_BASE_URL", "https://", "write an https:// address"),
        ("ATMOS_BASE_URL", "false", "write an https:// address"),
        ("ATMOS_CONFIRM_PATH", "merchant/pay/apply", "write a path that begins with /"),
        ("ATMOS_STORE_ID", "-57", "write the store id that ATMOS gave you, a positive number"),
        ("ATMOS_STORE_ID", "0", "write the store id that ATMOS gave you, a positive number"),
        ("ATMOS_STORE_ID", "57.5", "write the store id that ATMOS gave you, a positive number"),
        ("ATMOS_CALLBACK_KEY", "false", "write the value that ATMOS gave you"),
        ("ATMOS_PROXY_URL", "false", "write it like http://user:password@host:port"),
        ("ATMOS_PROXY_URL", "10.0.0.1:3128", "write it like http://user:password@host:port"),
        ("DATABASE_URL", "postgres://a:b@db/c", "write sqlite+aiosqlite:///data/checkout.db, or"),
        (
            "ATMOS_PROXY_URL",
            "http://10.0.0.1:port",
            "write it like http://user:password@host:port",
        ),
        ("ATMOS_BASE_URL", "https://partner.atmos.uz:port", "write an https:// address"),
        ("DATABASE_URL", "postgresql+asyncpg://a:b@db:port/c", "write sqlite+aiosqlite:///data"),
        ("DATABASE_URL", "postgresql+asyncpg://a:b@db:99999/c", "write sqlite+aiosqlite:///data"),
        ("DATABASE_URL", "sqlite+aiosqlite://data/checkout.db", "write sqlite+aiosqlite:///data"),
        ("DATABASE_URL", "sqlite+aiosqlite://", "in memory, payments would be forgotten"),
        ("DATABASE_URL", "sqlite+aiosqlite:///:memory:", "in memory, payments would be forgotten"),
        ("DATABASE_URL", "data/checkout.db", "write sqlite+aiosqlite:///data/checkout.db, or"),
        ("REDIS_URL", "cache:6379", "write redis://:password@host:6379/0, rediss:// for TLS"),
        ("REDIS_URL", "redis://", "write redis://:password@host:6379/0, rediss:// for TLS"),
        ("REDIS_URL", "http://cache:6379", "write redis://:password@host:6379/0, rediss://"),
        ("REDIS_URL", "redis://cache:port", "write redis://:password@host:6379/0, rediss://"),
        ("CARD_KEY", "false", "write 32 random bytes as `openssl rand -base64 32` prints them"),
        ("CARD_KEY", "bWFkZS11cA==", "write 32 random bytes as `openssl rand -base64 32`"),
        ("CARD_KEY", "ключ", "write 32 random bytes as `openssl rand -base64 32` prints them"),
        ("DEFAULT_LANGUAGE", "kk", "write uz, ru or en"),
        ("CHECKOUT_TTL", "0", "write seconds, more than 0"),
        ("OTP_TTL", "-1", "write seconds, more than 0"),
        ("OTP_RESEND_AFTER", "false", "write seconds, more than 0"),
        ("CONFIRM_TIMEOUT", "nan", "write seconds, more than 0"),
        ("CONFIRM_TIMEOUT", "inf", "write seconds, more than 0"),
        ("CONFIRM_TIMEOUT", "0", "write seconds, more than 0"),
        ("CHECKOUT_TTL", "2592001", "write seconds, more than 0 and at most 2592000 (30 days)"),
        ("RECONCILE_DELAYS", "130,inf", "write positive seconds with commas between"),
        ("RECONCILE_DELAYS", "130,1e9", "write positive seconds with commas between"),
        ("CARD_TTL", "181", "write seconds, 180 at most"),
        ("CARD_TTL", "0", "write seconds, 180 at most"),
        ("RECONCILE_DELAYS", "130,later,never", "write positive seconds with commas between"),
        ("RECONCILE_DELAYS", "130,-1", "write positive seconds with commas between"),
        ("RECONCILE_DELAYS", "300,130", "write positive seconds with commas between"),
        ("CARDS_AN_HOUR", "0", "write a number from 1 to 10000"),
        ("CODE_REQUESTS_A_DAY", "-1", "write a number from 1 to 10000"),
        ("CODES_A_CHALLENGE", "three", "write a number from 1 to 10000"),
        ("WRONG_CODES_A_DAY", "10001", "write a number from 1 to 10000"),
        ("WEB_PORT", "65536", "write a port from 1 to 65535, or 0"),
        ("WEB_PORT", "false", "write a port from 1 to 65535, or 0"),
        ("HEALTH_PORT", "-1", "write a port from 1 to 65535, or 0"),
        ("LOG_LEVEL", "LOUD", "write DEBUG, INFO, WARNING or ERROR"),
        ("LOG_FORMAT", "xml", "write console or json"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line_with_what_to_write(refused, name, value, cure):
    """Failure story C7: a negative store id is among them."""
    [line] = refused(**{name: value})

    assert line.startswith(f"{name}: {cure}")
    assert "Value error" not in line


def test_no_card_goes_to_redis_without_a_key(refused):
    [line] = refused(REDIS_URL="redis://cache")

    assert line.startswith("CARD_KEY: cards in Redis are sealed; write 32 random bytes as ")


KEY = bytes(range(248, 256)) * 4  # in base64 it has all that the two alphabets differ in


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("padding", ["", "="])
def test_a_key_is_read_in_both_alphabets_with_and_without_its_end(encode, padding):
    assert sealing_key(encode(KEY).decode().rstrip("=") + padding) == KEY


@pytest.mark.parametrize("env", ["production", "test"])
@pytest.mark.parametrize("name", ["ATMOS_CONSUMER_KEY", "ATMOS_CONSUMER_SECRET"])
def test_the_sandboxs_keys_never_reach_a_shop(refused, env, name):
    """Failure story C7."""
    [line] = refused(ATMOS_ENV=env, **{name: "sandbox"})

    assert name in line.split(": ")[0]
    assert "write the keys ATMOS gave you, or ATMOS_ENV=sandbox" in line


def test_a_shops_keys_never_reach_another_sandbox(refused):
    [line] = refused(ATMOS_ENV="sandbox", ATMOS_BASE_URL="https://partner.atmos.uz")

    assert line.startswith("ATMOS_BASE_URL: ")
    assert "write its http://127.0.0.1 address" in line


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ("production", "https://partner.atmos.uz"),
        ("test", "https://apigw.atmos.uz"),
        ("sandbox", "http://127.0.0.1:8090"),
    ],
)
def test_each_environment_has_its_host(loaded, env, url):
    assert loaded(ATMOS_ENV=env).atmos_url == url


@pytest.mark.parametrize("host", ["127.0.0.1:8090", "localhost:8090", "[::1]:8090"])
def test_http_is_for_this_machine(loaded, host):
    settings = loaded(
        ATMOS_ENV="sandbox", ATMOS_BASE_URL=f"http://{host}/", TELEGRAM_API_URL=f"http://{host}"
    )

    assert settings.atmos_url == settings.telegram_api_url == f"http://{host}"


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({}, None),
        ({"WEB_PORT": "8080"}, None),
        ({"WEB_PORT": "8080", "HEALTH_PORT": "8081"}, ("127.0.0.1", 8081)),
        ({"HEALTH_PORT": "8081", "HEALTH_HOST": "0.0.0.0"}, ("0.0.0.0", 8081)),
    ],
)
def test_health_is_for_this_machine_unless_told_otherwise(loaded, changes, address):
    assert loaded(**changes).health_at == address


def test_what_is_for_everybody_and_what_is_for_the_owner_have_two_ports(refused):
    [line] = refused(WEB_PORT="8080", HEALTH_PORT="8080", WEB_HOST="0.0.0.0")

    assert line == "HEALTH_PORT: write another port than WEB_PORT's"


@pytest.mark.parametrize(
    "wanted", [{"ATMOS_CALLBACK_KEY": "key"}, {"WEBHOOK_URL": "https://pay.example.uz/telegram"}]
)
def test_what_comes_in_needs_a_port(refused, loaded, wanted):
    [line] = refused(**wanted)

    assert line.startswith(f"{next(iter(wanted))}: set WEB_PORT too, where ")
    assert loaded(**wanted, WEB_PORT="8080").web_port == 8080


@pytest.mark.parametrize("value", ["", " "])
@pytest.mark.parametrize("name", sorted(NAMES - set(GOOD)))
def test_an_empty_optional_setting_is_as_good_as_none(loaded, name, value):
    assert loaded(**{name: value}) == loaded(**{name: None})


def test_words_are_taken_in_any_case(loaded):
    settings = loaded(
        LOG_LEVEL="debug", LOG_FORMAT="JSON", DEFAULT_LANGUAGE="RU", ATMOS_ENV="Test"
    )

    assert (settings.log_level, settings.log_format) == ("DEBUG", "json")
    assert (settings.default_language, settings.atmos_env) == ("ru", AtmosEnv.test)


def test_without_a_file_the_first_line_says_how_to_make_one(refused, tmp_path):
    assert refused(BOT_TOKEN=None)[0].startswith("BOT_TOKEN: ")
    (tmp_path / ".env").unlink()

    assert refused(BOT_TOKEN=None)[0].startswith("no .env here: install -m 600 .env.example .env")
    assert refused(BOT_TOKEN="wrong")[0].startswith("BOT_TOKEN: ")


@pytest.mark.parametrize("encoding", ["cp1251", "utf-16"])
def test_a_file_that_is_not_utf_8_says_so(loaded, tmp_path, encoding):
    loaded()
    (tmp_path / ".env").write_text("SUPPORT_CONTACT=Дильноза\n", encoding)

    with pytest.raises(SettingsError, match=r"^\.env: save it as UTF-8$"):
        load()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ('LOG_LEVEL=INFO\nSUPPORT_CONTACT="@hidden\n', 2),
        ('\n\n  \nSUPPORT_CONTACT="@hidden\nLOG_LEVEL=INFO\n', 4),
        ('SUPPORT_CONTACT="@hidden\nLOG_LEVEL="INFO"\n', 1),
        ("SUPPORT_CONTACT='@hidden\nLOG_FORMAT=json\nLOG_LEVEL='\n", 1),
        ("\r\nSUPPORT_CONTACT @hidden\r\n", 2),
        ("=hidden\n", 1),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_not_shown(loaded, tmp_path, text, number):
    """One that is passed over, or takes those below it for its value, sets nothing."""
    (tmp_path / ".env").write_bytes(text.encode())

    with pytest.raises(SettingsError) as error:
        loaded()

    said = f".env: line {number} cannot be read: write NAME=value there, without quotes"
    assert str(error.value) == said


def test_a_file_as_docker_takes_it_is_read(loaded, tmp_path):
    (tmp_path / ".env").write_text("# \"it's\n\nexport A=1\nLOG_LEVEL\nB='1' # b\n", "utf-8")

    assert loaded().log_level == "INFO"


def test_a_folder_in_the_files_place_is_said_to_be_one(refused, tmp_path):
    """Docker makes one of a file that is to be mounted and is not there."""
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()

    assert refused(BOT_TOKEN=None)[0].startswith(".env is a folder: remove it, ")


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("https://pay.example.uz:8080/telegram", "Telegram comes to the ports 443, 80, 88 and"),
        ("https://pay.example.uz/tele gram", "no blank and no # inside; write an https:// "),
        ("https://pay.example.uz/telegram#1", "no blank and no # inside; write an https:// "),
        ("http://127.0.0.1:8443/telegram", "Telegram comes by https alone; write an https:// "),
        ("http://pay.example.uz/telegram", "write an https:// address with a path"),
    ],
)
def test_where_telegram_does_not_come_no_update_is_waited_for(refused, url, cure):
    [line] = refused(WEBHOOK_URL=url, WEB_PORT="8080")

    assert line.startswith(f"WEBHOOK_URL: {cure}")


@pytest.mark.parametrize("port", ["", ":443", ":80", ":88", ":8443"])
def test_telegram_comes_to_its_ports(loaded, port):
    url = f"https://pay.example.uz{port}/telegram"

    assert loaded(WEBHOOK_URL=url, WEB_PORT="8080").webhook_url == url


def test_a_bot_api_server_of_ones_own_comes_to_any_port(loaded):
    own = {"TELEGRAM_API_URL": "http://127.0.0.1:8081", "WEB_PORT": "8080"}
    url = "http://127.0.0.1:8080/telegram"

    assert loaded(**own, WEBHOOK_URL=url).webhook_url == url


def test_delays_are_written_with_commas(loaded):
    delays = loaded(RECONCILE_DELAYS="130, 300.5,86400").reconcile_delays

    assert delays == (130, 300.5, 86400)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONFIRM_TIMEOUT", "119"),
        ("RECONCILE_DELAYS", "130,300"),
        ("CHECKOUT_TTL", "59"),
        ("OTP_TTL", "59"),
    ],
)
def test_what_would_be_believed_too_early_is_refused_but_in_the_sandbox(loaded, name, value):
    """A merchant's find: with CONFIRM_TIMEOUT=2 a slow charge was called none, and paid twice."""
    with pytest.raises(SettingsError, match=f"^{name}: "):
        loaded(**{name: value})

    keys = dict.fromkeys(("ATMOS_CONSUMER_KEY", "ATMOS_CONSUMER_SECRET"), "sandbox")
    loaded(**{name: value, "ATMOS_ENV": "sandbox", **keys})


def test_no_secret_is_printed(loaded):
    settings = loaded(**SECRETS, WEB_PORT="8080")
    printed = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"

    assert {*SECRETS.values(), *PASSWORDS} == set(settings.secrets())
    for secret in (*SECRETS.values(), *PASSWORDS):
        assert secret not in printed


def test_a_password_is_hidden_as_it_is_and_as_an_address_has_it(loaded):
    settings = loaded(REDIS_URL="redis://:p%40ss%2Fword@cache", CARD_KEY=SECRETS["CARD_KEY"])

    assert {"redis://:p%40ss%2Fword@cache", "p@ss/word"} <= set(settings.secrets())


@pytest.mark.parametrize(
    "wrong",
    [
        {"ATMOS_STORE_ID": "-57"},
        {"BOT_TOKEN": "hidden-token"},
        {"DATABASE_URL": "mysql://shop:database-password@db/checkout"},
        {"ATMOS_PROXY_URL": "socks5://shop:proxy-password@10.0.0.1"},
        {"REDIS_URL": "http://:redis-password@cache"},
        {"CARD_KEY": "hidden-key"},
        {"ATMOS_CONSUMER_KEY": "sandbox"},
        {"ATMOS_BASE_URL": "http://shop:url-password@partner.atmos.uz"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_no_secret_appears_in_a_refusal(refused, wrong):
    said = "\n".join(refused(**SECRETS | {"WEB_PORT": "8080"} | wrong))

    for value in (*(SECRETS | wrong).values(), "-password@", "hidden"):
        assert value in {"sandbox", "-57"} or value not in said


def test_what_is_read_first_is_the_environment_and_then_the_file(monkeypatch, tmp_path, loaded):
    loaded()
    file = tmp_path / ".env"
    file.write_text("SUPPORT_CONTACT=@sotuvchi\nDEFAULT_LANGUAGE=ru\nOTHERS=1\n", "utf-8")
    monkeypatch.setenv("DEFAULT_LANGUAGE", "en")
    settings = load(_env_file=file)

    assert (settings.support_contact, settings.default_language) == ("@sotuvchi", "en")


def written(file):
    return (ROOT / file).read_text("utf-8")


@pytest.mark.parametrize("file", [".env.example", "README.md"])
def test_every_setting_is_written_down(file):
    text = written(file)

    assert {name for name in NAMES if not re.search(rf"\b{name}\b", text)} == set()


def test_the_example_holds_only_settings_each_once_and_with_its_default(monkeypatch, loaded):
    loaded()
    lines = re.findall(r"^#? ?([A-Z][A-Z0-9_]*)=(.*)$", written(".env.example"), re.MULTILINE)
    for name, value in lines:
        monkeypatch.setenv(name, GOOD.get(name) or value)

    assert sorted(name for name, _ in lines) == sorted(NAMES)
    assert load(_env_file=None) == loaded(**dict.fromkeys(NAMES - set(GOOD)))
