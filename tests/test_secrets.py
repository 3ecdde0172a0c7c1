"""No file of this repository holds a secret or somebody's card: each is read and searched."""

import base64
import math
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from urllib.parse import unquote

import pytest

from bot.cards import luhn
from sandbox.atmos.cards import CARDS, with_check_digit

ROOT = Path(__file__).parent.parent
CARD = re.compile(r"(?<![0-9a-fA-F])[2-9](?:[ .\-]?[0-9]){15}(?![0-9a-fA-F])")
# What somebody counts or leaves blank, and what payment libraries have in their documentation.
MADE_UP_CARD = re.compile(r".*(?:0{5}|123456|234567|12341234).*|(?:42){8}|41{15}")
PUBLIC_CARDS = {*CARDS, "5555555555554444", "5105105105105100"}
# A word of these stands in every secret that is made up; in a random one it does not.
MADE_UP = re.compile(r"(?i)no-bot-at-all|made-up|sandbox|password|p@ss|secret|of-the-shop|-token")
SECRETS = {
    "bot token": r"(?<![0-9])([0-9]{6,12}:[A-Za-z0-9_-]{30,})",
    "private key": r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)",
    "authorization": r"(?i)\b(?:bearer|basic) +([A-Za-z0-9._~+/-]{20,}=*)",
    "password in an address": r"://[^/\s:@\"']*:([^/\s@{}\"']{2,})@",
    "package registry": (
        r"(?i)((?:pypi|pythonhosted|npmjs|crates|maven|debian|ubuntu)\.(?:org|io|com)\b"
        r"|index-url[ =]+https?:|(?:artifactory|nexus|devpi|registry)\.[\w-]+\.\w+)"
    ),
    "value of a secret": (
        r"(?i)(?:secret|token|passw(?:or)?d|credential|(?:api|consumer|callback|card)_?key)\w*"
        r"[\"']?\]?(?:: *\w+)? *[:=] *[\"']?([A-Za-z0-9+/_=-]{16,})"
    ),
}
RANDOM = 3.5  # bits a character; words have fewer


def found(text: str) -> set[str]:
    """Give the kinds of secrets in a text."""
    kinds = {kind for kind, pattern in SECRETS.items() if any(_real(kind, pattern, text))}
    return kinds | {"card" for _ in _cards(text)}


def _real(kind: str, pattern: str, text: str) -> Iterator[bool]:
    for value in re.findall(pattern, text):
        if not MADE_UP.search(unquote(value)) and not MADE_UP.search(_plain(value)):
            yield kind != "value of a secret" or _looks_random(value)


def _plain(value: str) -> str:
    """Decode what may be base64."""
    try:
        return base64.b64decode(value, validate=True).decode(errors="replace")
    except ValueError:
        return ""


def _looks_random(value: str) -> bool:
    counts = Counter(value).values()
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts)
    return bits >= RANDOM and bool(re.search("[0-9]", value)) and bool(re.search("[a-z]", value))


def _cards(text: str) -> Iterator[str]:
    for written in CARD.findall(text):
        number = re.sub("[^0-9]", "", written)
        if luhn(number) and number not in PUBLIC_CARDS and not MADE_UP_CARD.fullmatch(number):
            yield number


def files() -> list[Path]:
    """Give the files git knows or would add; in a source without git, all of them."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        )
        return [path for name in listed.stdout.split("\0") if (path := ROOT / name).is_file()]
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().split()}
    beneath = (path for path in ROOT.iterdir() if path.name not in ignored)
    everything = (path for one in beneath for path in (one.rglob("*") if one.is_dir() else [one]))
    return [path for path in everything if path.is_file() and not ignored & {*path.parts}]


def test_no_file_holds_a_secret():
    searched = files()
    secrets = {
        str(path.relative_to(ROOT)): kinds
        for path in searched
        if (kinds := found(path.read_text("utf-8", errors="replace")))
    }

    assert secrets == {}
    assert {ROOT / name for name in ("README.md", ".env.example", "bot/app.py")} <= {*searched}


def anything(length: int, signs: str = "") -> str:
    """Make up what is as random as the real thing, so that it stands in no file."""
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
    return "".join(Random(57).choices(letters + signs, k=length))


def card() -> str:
    digits = "".join(Random(57).choices("123456789", k=11))
    return with_check_digit(f"9860{digits}")


PLANTED = [
    ("card", card()),
    ("card", f"karta: {' '.join(re.findall('....', card()))}."),
    ("card", f"'{'-'.join(re.findall('....', card()))}'"),
    ("bot token", f"BOT_TOKEN={Random(5).randrange(10**9, 10**10)}:{anything(35, '_-')}"),
    ("bot token", f"https://host/bot{10**9}:{anything(35)}/getMe"),
    ("private key", "-----BEGIN " + "RSA PRIVATE KEY-----"),
    ("private key", "-----BEGIN " + "PRIVATE KEY-----"),
    ("authorization", "Authorization: " + f"Bearer {anything(40, '._~')}"),
    ("authorization", "'authorization': 'basic " + f"{anything(32)}=='"),
    ("password in an address", "postgresql://shop:" + f"{anything(8)}@db/checkout"),
    ("password in an address", "http://:" + f"{anything(8)}@10.0.0.1:3128"),
    ("package registry", "--index-" + "url https://somewhere/simple"),
    ("package registry", "https://files.python" + "hosted.org/packages/"),
    ("package registry", "https://artifactory" + ".example.com/simple"),
    ("value of a secret", f"ATMOS_CONSUMER_SECRET={anything(28, '_')}"),
    ("value of a secret", f'atmos_consumer_key: str = "{anything(28)}"'),
    ("value of a secret", f"CARD_KEY = '{anything(43, '+/')}='"),
    ("value of a secret", f'{{"api_key": "{anything(32)}"}}'),
    ("value of a secret", f'os.environ["PASSWORD"] = "{anything(20)}"'),
]


@pytest.mark.parametrize(("kind", "text"), PLANTED)
def test_a_planted_secret_is_found(kind, text):
    assert kind in found(f"x = 1\n{text}\ny = 2\n")


@pytest.mark.parametrize(
    "text",
    [
        "8600 9900 0000 0009",
        "8600490744313347",
        "8600123412343456",
        "+998901234567",
        f"--hash=sha256:{'8600490744313348' * 4}",
        "bot_token: Annotated[SecretStr, AfterValidator(_token)]",
        "atmos_callback_key=None",
        "database_url = postgresql+asyncpg://user:password@host/database",
        "token = settings.bot_token.get_secret_value()",
        "https://t.me/checkout_bot?start=protokol-57",
    ],
)
def test_what_is_no_secret_is_not_taken_for_one(text):
    assert found(text) == set()


def test_a_source_without_git_is_read_whole(monkeypatch, tmp_path):
    for name in (".venv/lib/a.py", "bot/app.py", "bot/__pycache__/app.pyc", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / ".gitignore").write_text(".venv/\n__pycache__/\n")
    monkeypatch.setattr("tests.test_secrets.ROOT", tmp_path)

    read = {str(path.relative_to(tmp_path)) for path in files()}

    assert read == {"README.md", "bot/app.py", ".gitignore"}
