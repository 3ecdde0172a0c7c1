"""`python -m bot`, as a merchant runs it: real processes."""

import asyncio
import os
import re
import resource
import signal
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot import telegram
from bot.__main__ import _open_what_may_be_opened
from bot.check import findings
from bot.db import Database
from bot.notices import Notice, Words
from bot.settings import Settings
from sandbox.faults import Fault, Kind
from sandbox.telegram.queue import Webhook
from tests.conftest import ADMINS, PRICE, TOKEN, free_port, names_card, pays, reaches_code

ROOT = Path(__file__).parent.parent
LATEST = 150.0  # seconds in which a command has done its work on a machine that does much else


def environment(world, **changes: str) -> dict[str, str]:
    settings = world.settings()
    given = {
        "BOT_TOKEN": TOKEN,
        "TELEGRAM_API_URL": world.urls["telegram"],
        "ADMIN_CHAT_ID": str(settings.admin_chat_id),
        "ATMOS_ENV": "sandbox",
        "ATMOS_BASE_URL": world.urls["atmos"],
        "ATMOS_STORE_ID": "57",
        "ATMOS_CONSUMER_KEY": "sandbox",
        "ATMOS_CONSUMER_SECRET": "sandbox",
        "DATABASE_URL": world.database_url,
        "OFFERS_FILE": str(settings.offers_file),
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ["PATH"],
    }
    return given | changes


async def start(world, *arguments: str, **changes: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *arguments,
        cwd=world.home,
        env=environment(world, **changes),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def run(world, *arguments: str, **changes: str) -> tuple[int, str]:
    process = await start(world, *arguments, **changes)
    said, _ = await asyncio.wait_for(process.communicate(), LATEST)
    return process.returncode or 0, said.decode()


async def test_check_finds_everything_right(world):
    world.admins.bot_status, world.admins.bot_rights = (
        "administrator",
        {"can_delete_messages": True},
    )
    code, said = await run(
        world,
        "check",
        SUPPORT_CONTACT="@sotuvchi",
        ATMOS_CALLBACK_KEY="key",
        ATMOS_CALLBACK_NETWORKS="92.63.207.0/24",
        WEB_PORT=str(free_port()),
        HEALTH_PORT=str(free_port()),
    )

    assert code == 0, said
    assert re.findall(r"(?m)^(?!! ATMOS: )(.) ", said) == ["✓"] * 20, said
    for part in (
        "no money moves: ATMOS_ENV=production sells",
        f"SQLite at {world.home}/checkout.db, migrated, 0 payments (a new file: ",
        "✓ database privacy: for this account alone",
        "✓ cards in the group: the bot may delete them",
        "✓ callback: signed questions only, from 92.63.207.0/24",
        "only this machine reaches it",
        "✓ updates: asked for",
        "✓ limits of a student: 5 cards an hour, 10 code requests, 20 wrong",
        "✓ log: INFO, console; card numbers and keys are masked",
        "✓ retention: unpaid orders go after 90 days",
        "protokol-57: 739 000 soʻm (−50 % until 31.12.2099 23:59)",
        "@checkout_bot",
        "https://t.me/checkout_bot?start=protokol-57",
        "Sotuvlar",
        "store 57 (not tried",
        "@sotuvchi",
    ):
        assert part in said


async def test_check_hints_at_what_is_wanted_and_not_needed(world):
    said = [f"{f.mark} {f.what}: {f.said}" async for f in findings(world.settings())]
    hints = [line for line in said if line.startswith("! ")]

    assert [hint.partition(":")[0] for hint in hints] == [
        "! cards in the group",
        "! ATMOS",
        "! callback",
        "! support",
    ]
    assert "make it an administrator" in hints[0]
    assert "SUPPORT_CONTACT is empty" in hints[-1]


async def test_check_hints_at_an_offer_after_which_the_seller_has_to_write(world):
    world.settings()
    offers = world.home / "offers.toml"
    one = offers.read_text("utf-8")
    bare = one.replace("protokol-57", "ikkinchi").replace("link =", "# link =")
    offers.write_text(one + bare, "utf-8")
    said = [f"{f.mark} {f.said}" async for f in findings(world.settings()) if f.what == "links"]

    assert len(said) == 1
    assert said[0].startswith("! ikkinchi: without one a student who paid reads that the seller")


async def test_a_start_says_which_database_it_is_and_what_it_holds(world):
    """The review's find: a wrong path opened an empty shop without a word."""
    process = await start(world, "run")
    await world.is_polled()
    process.send_signal(signal.SIGTERM)
    said, _ = await asyncio.wait_for(process.communicate(), LATEST)

    line = next(line for line in said.decode().splitlines() if "running" in line)
    assert "checkout.db" in line
    assert "payments=0" in line


async def test_check_says_whether_telegram_gets_through_to_the_webhook(world):
    port = free_port()
    url = f"http://127.0.0.1:{port}/telegram"
    world.overrides |= {"webhook_url": url, "web_port": port}
    updates = [f.said async for f in findings(world.settings()) if f.what == "updates"]
    assert updates == [f"will be brought to {url} from the start"]

    world.telegram.webhook = Webhook(url)
    updates = [f.said async for f in findings(world.settings()) if f.what == "updates"]
    assert updates == [f"brought to {url}, with a secret"]

    world.telegram.webhook.last_error_message = "Connection refused"
    hints = [f"{f.mark} {f.said}" async for f in findings(world.settings()) if f.what == "updates"]
    assert len(hints) == 1
    assert hints[0].startswith(f"! Telegram does not get through to {url}: Connection refused;")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"web_port": 8099, "web_host": "0.0.0.0"}, r"! web: 0\.0\.0\.0:8099 .*other machines"),
        (
            {"health_port": 8099, "health_host": "0.0.0.0"},
            r"! health: 0\.0\.0\.0:8099 .*HEALTH_HOST",
        ),
        ({"web_port": 8099}, r"✓ health: off"),
        ({"web_port": 8099, "atmos_callback_key": "key"}, r"✓ callback: .* from any address"),
        ({"log_level": "DEBUG"}, r"! log: DEBUG"),
        ({"retention_days": 45}, r"✓ retention: .* 45 days"),
    ],
)
async def test_check_says_which_protections_are_on(world, changes, line):
    for name in ("web_port", "health_port"):
        if name in changes:
            port = free_port()
            line = line.replace("8099", str(port))
            changes = changes | {name: port}
    world.overrides |= changes
    said = "".join([f"{f.mark} {f.what}: {f.said}\n" async for f in findings(world.settings())])

    assert re.search(line, said), said


async def test_check_sees_a_database_that_others_may_read(world, monkeypatch):
    """A share that knows no rights: what is asked of it is not done."""
    monkeypatch.setattr(Path, "chmod", lambda *_: None)
    before = os.umask(0)
    (world.home / "checkout.db").touch(0o644)
    try:
        said = [f"{f.mark} {f.what}: {f.said}" async for f in findings(world.settings())]
    finally:
        os.umask(before)

    assert any(line.startswith("! database privacy: others may read checkout.db") for line in said)


@pytest.mark.parametrize(
    ("mode", "line"),
    [
        (0o644, "! settings privacy: others may read .env: chmod 600 .env"),
        (0o640, "! settings privacy: others may read .env: chmod 600 .env"),
        (0o600, "✓ settings privacy: for this account alone (0600)"),
    ],
)
async def test_check_sees_keys_that_others_may_read(world, monkeypatch, mode, line):
    monkeypatch.chdir(world.home)
    os.close(os.open(".env", os.O_CREAT, mode))
    os.chmod(".env", mode)  # noqa: PTH101  a path that blocks is no better
    said = [f"{f.mark} {f.what}: {f.said}" async for f in findings(world.settings())]

    assert line in said


async def test_check_beside_a_running_bot_knows_it_and_its_payments(world):
    student = world.student()
    world.overrides |= {"atmos_callback_key": "key"}
    async with world.bot(web_port=free_port(), health_port=free_port()):
        await reaches_code(student)
        said = [f"{f.mark} {f.what}: {f.said}" async for f in findings(world.settings())]

    assert not any(line.startswith("✗") for line in said), said
    for name in ("web", "health"):
        port = getattr(world.settings(), f"{name}_port")
        assert f"! {name}: something answers on port {port}: the running bot" in said
    assert any(line.endswith("checkout.db, migrated, 1 payments") for line in said)


SHOP = {"ATMOS_ENV": "test", "ATMOS_CONSUMER_KEY": "key", "ATMOS_CONSUMER_SECRET": "secret"}
NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"BOT_TOKEN": "700000001:AAanother-token"},
            r"(?s)✗ bot token: BOT_TOKEN: .*@BotFather.*✗ admin group: not tried: mend the bot",
        ),
        (
            {"TELEGRAM_API_URL": NOWHERE},
            r"(?s)✗ bot token: .*cannot be reached.*✗ admin group: .*Telegram must answer first",
        ),
        (
            {"ADMIN_CHAT_ID": "-42"},
            r"✗ admin group: add the bot .* ADMIN_CHAT_ID \(now -42\); .*chat not found",
        ),
        ({"ADMIN_TOPIC_ID": "42"}, r"✗ admin group: .*ADMIN_TOPIC_ID, .*\(now 42\)"),
        ({"ATMOS_CONSUMER_SECRET": "wrong"}, r"✗ ATMOS: .*ATMOS_CONSUMER_SECRET"),
        ({"ATMOS_BASE_URL": NOWHERE}, r"✗ ATMOS: .*start `.venv/bin/python -m sandbox.atmos`"),
        (SHOP | {"ATMOS_BASE_URL": NOWHERE}, r"✗ ATMOS: .*no connection: .*ATMOS's list"),
        (SHOP | {"ATMOS_PROXY_URL": NOWHERE}, r"✗ ATMOS: .*the proxy .*ATMOS_PROXY_URL"),
        (SHOP | {"ATMOS_BASE_URL": "https://atmos.invalid"}, r"✗ ATMOS: .*its name is not found"),
        (
            {"ATMOS_PROXY_URL": NOWHERE},
            r"✗ ATMOS: http://127.0.0.1:[0-9]+: the proxy lets nothing through: see ATMOS_P",
        ),
        (
            {"OFFERS_FILE": "nowhere.toml"},
            r"✗ offers: nowhere.toml: is not there; write it, or .* as OFFERS_FILE",
        ),
        ({"DATABASE_URL": "sqlite+aiosqlite:////proc/x/y.db"}, r"✗ database: .*DATABASE_URL"),
        (
            {"DATABASE_URL": "postgresql+asyncpg://shop:password@127.0.0.1:9/checkout"},
            r"✗ database: .*PostgreSQL at 127.0.0.1:9/checkout runs and lets the bot in,",
        ),
        ({"WEB_PORT": "8099", "WEB_HOST": "192.0.2.1"}, r"✗ web: WEB_HOST: 192.0.2.1 is no"),
        (
            {"HEALTH_PORT": "8099", "HEALTH_HOST": "192.0.2.1"},
            r"✗ health: HEALTH_HOST: 192.0.2.1 is no",
        ),
    ],
)
async def test_check_names_what_is_wrong_and_its_cure(world, changes, line):
    """In this process: what a command prints of it, and its exit code, others show."""
    given: dict[str, Any] = {
        name.lower(): value for name, value in environment(world, **changes).items()
    }
    settings = Settings(_env_file=None, **given)
    said = "".join([f"{f.mark} {f.what}: {f.said}\n" async for f in findings(settings)])

    assert re.search(line, said), said
    assert re.fullmatch(r"(?:[✓✗!] .*\n)+", said), said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("price = 1\nprice = 2", "something is written twice (Cannot overwrite a value (at line "),
        ("[a]\n[a]", "something is written twice (Cannot declare ('a',) twice (at line "),
        ("price = 1.478.000", "is not TOML ("),
    ],
)
async def test_check_tells_a_key_that_is_there_twice_from_one_that_is_no_toml(world, line, said):
    world.settings()
    (world.home / "offers.toml").write_text(f"[[offers]]\n{line}\n", "utf-8")
    [finding] = [f async for f in findings(world.settings()) if f.what == "offers"]

    assert finding.mark == "✗"
    assert f"offers.toml: {said}" in finding.said


async def test_check_says_that_with_atmoss_test_keys_only_test_money_moves(world, monkeypatch):
    monkeypatch.setattr("sandbox.atmos.front.KEY", "key")
    monkeypatch.setattr("sandbox.atmos.front.SECRET", "secret")
    world.overrides |= {
        "atmos_env": "test",
        "atmos_consumer_key": "key",
        "atmos_consumer_secret": "secret",
    }
    [finding] = [f async for f in findings(world.settings()) if f.what == "ATMOS"]

    assert finding.mark == "!"
    assert finding.said.endswith("; only test money moves: ATMOS_ENV=production sells")


async def test_check_names_what_stands_in_the_file_and_is_no_setting(world):
    """The merchant's find: SUPORT_CONTACT, exit 0 and no word."""
    lines = "\n# SUPRT=1\nSUPORT_CONTACT=@me\nlog_level=INFO\n\nbase64Of+a/Key=\nLOG_LEVL=INFO\n"
    (world.home / ".env").write_text(lines, "utf-8")
    code, said = await run(world, "check", SUPPRT_CONTACT="@me")

    assert code == 0, said
    assert re.findall("(?m)^! settings: (.*)", said) == [
        ".env has LOG_LEVL, which is no setting",
        ".env has SUPORT_CONTACT, which is no setting",
        ".env has something in line 6, which is no setting",
    ]


@pytest.mark.parametrize("command", ["run", "check"])
async def test_a_line_that_cannot_be_read_stops_the_start_and_is_not_shown(world, command):
    """The merchant's find: an open quote, and "settings: complete"."""
    (world.home / ".env").write_text('\n\nLOG_LEVEL=INFO\n\nCARD_KEY="hidden\n', "utf-8")
    code, said = await run(world, command)

    assert (code, said) == (
        1,
        ".env: line 5 cannot be read: write NAME=value there, without quotes\n",
    )


async def test_check_prints_what_is_wrong_and_exits_1(world):
    code, said = await run(world, "check", ATMOS_CONSUMER_SECRET="wrong")

    assert code == 1
    assert "✗ ATMOS: " in said
    assert re.fullmatch(r"(?:[✓✗!] .*\n)+", said), said


def port_of(url: str) -> str:
    return url.rpartition(":")[2]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"BOT_TOKEN": "700000001:AAanother-token"}, r"BOT_TOKEN: .*@BotFather"),
        ({"WEB_PORT": "8099", "WEB_HOST": "192.0.2.1"}, r"WEB_HOST: 192.0.2.1 is no address"),
        ({"ATMOS_CALLBACK_KEY": "key"}, r"ATMOS_CALLBACK_KEY: set WEB_PORT too, where ATMOS asks"),
    ],
)
async def test_run_ends_with_one_line_for_what_cannot_be_started(world, changes, line):
    code, said = await run(world, "run", **changes)

    assert code == 1
    assert re.match(line, said), said
    assert said.count("\n") == 1


async def test_a_port_that_is_taken_is_named(world):
    taken = port_of(world.urls["telegram"])
    ran = await run(world, "run", WEB_PORT=taken)
    checked = await run(world, "check", WEB_PORT=taken)

    assert (ran[0], checked[0]) == (1, 1)
    assert re.fullmatch(rf"WEB_PORT: {taken} is taken.*\n", ran[1])
    assert f"✗ web: WEB_PORT: {taken} is taken" in checked[1]


async def test_run_waits_for_a_telegram_that_is_away(world):
    process = await start(world, "run", TELEGRAM_API_URL=NOWHERE)
    assert process.stdout
    async for line in process.stdout:
        if b"running" in line:
            break
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.communicate(), LATEST)

    assert process.returncode == 0


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        ({}, []),
        ({"ATMOS_CONSUMER_SECRET": "wrong"}, ["atmos_not_reached"]),
        ({"ADMIN_CHAT_ID": "-42"}, ["admins_not_reached"]),
        (
            {"REDIS_URL": "redis://127.0.0.1:9/0", "CARD_KEY": f"{'A' * 43}="},
            ["redis_not_reached"],
        ),
    ],
)
async def test_a_start_warns_of_a_wrong_group_of_wrong_keys_and_of_no_redis(
    world, changes, warned
):
    """The merchant's review: "running", and nobody was told of any sale."""
    process = await start(world, "run", **changes)
    assert process.stdout
    said = ""
    async with asyncio.timeout(LATEST):
        while not any(call.status for call in world.gateway.called("token")):
            await asyncio.sleep(0.02)  # Telegram's bell does not ring for it
        while not all(event in said for event in ["running", *warned]):
            said += (await process.stdout.readline()).decode()
    process.send_signal(signal.SIGTERM)
    rest, _ = await asyncio.wait_for(process.communicate(), LATEST)

    assert re.findall("[a-z]+_not_reached", said + rest.decode()) == warned
    assert said.count("python -m bot check") == len(warned)


@pytest.mark.parametrize("command", ["run", "check"])
async def test_wrong_settings_stop_the_start_with_a_line_each(world, command):
    """Failure story C7."""
    code, said = await run(world, command, ATMOS_STORE_ID="-1", BOT_TOKEN="false")

    assert code == 1
    assert {line.partition(":")[0] for line in said.splitlines()} == {
        "ATMOS_STORE_ID",
        "BOT_TOKEN",
    }


async def test_offers_that_cannot_be_sold_stop_the_start(world):
    code, said = await run(world, "run", OFFERS_FILE="nowhere.toml")

    assert code == 1
    assert said.startswith("nowhere.toml: cannot be read")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [(["--help"], 0, "check"), (["sell"], 2, "No such command"), (["run", "--fast"], 2, "--fast")],
)
async def test_arguments_behave_as_people_expect(world, arguments, code, said):
    ended, printed = await run(world, *arguments)

    assert ended == code
    assert said in printed


async def test_sigterm_lets_a_running_capture_end_and_exits_0(world):
    student = world.student()
    world.gateway.latency["confirm"] = 2.0
    process = await start(world, "run", WEB_PORT="0")
    await world.is_polled()
    await reaches_code(student)
    student.says(world.code)
    await student.sees("⏳")
    process.send_signal(signal.SIGTERM)
    said, _ = await asyncio.wait_for(process.communicate(), LATEST)
    await student.sees("✅")

    assert process.returncode == 0, said.decode()
    assert len(world.admins.from_bot) == 1


async def test_kill_9_in_the_middle_of_a_capture_ends_in_paid(world):
    """Failure story B1: the charge happened, and the process never heard of it."""
    student = world.student()
    world.gateway.latency["confirm"] = 1.0
    process = await start(world, "run", RECONCILE_DELAYS="2", CONFIRM_TIMEOUT="2")
    await world.is_polled()
    await reaches_code(student)
    student.says(world.code)
    while not world.calls("confirm"):
        await asyncio.sleep(0.01)
    process.kill()
    await process.communicate()
    await world.gateway.settled()
    again = await start(world, "run", RECONCILE_DELAYS="2", CONFIRM_TIMEOUT="2")
    await student.sees("✅", timeout=LATEST)
    await world.admins.sees("✅", timeout=LATEST)
    again.send_signal(signal.SIGTERM)
    await again.communicate()

    assert len(world.charged) == 1
    assert sum("✅" in text for text in world.admins.texts) == 1


async def is_killed(world, process, operation):
    """Kill the bot while the gateway works at `operation`."""
    while not world.calls(operation):
        await asyncio.sleep(0.01)
    process.kill()
    await process.communicate()


async def test_a_student_whose_card_was_being_read_at_a_kill_is_asked_for_it_again(world):
    """Failure story B17."""
    student = world.student()
    process = await start(world, "run")
    await world.is_polled()
    await pays(student)
    world.gateway.latency["pre-apply"] = 600.0
    await names_card(student)
    await is_killed(world, process, "pre-apply")
    world.gateway.latency.clear()
    again = await start(world, "run")
    asked = await student.sees("Bot qayta ishga tushdi", timeout=LATEST)
    await names_card(student)
    await student.sees("SMS kod", since=asked)
    student.says(world.code)
    await student.sees("✅")
    again.send_signal(signal.SIGTERM)
    await again.communicate()

    assert "karta raqamini" in asked.text
    assert len(world.charged) == 1


async def test_a_student_whose_press_was_being_answered_at_a_kill_can_press_again(world):
    """Failure story B17, before ATMOS opened a transaction."""
    student = world.student()
    process = await start(world, "run")
    await world.is_polled()
    start_message = student.says("/start protokol-57")
    await student.sees("Protokol 57", since=start_message)
    world.gateway.latency["create"] = 600.0
    student.taps("pay:protokol-57")
    await is_killed(world, process, "create")
    world.gateway.latency.clear()
    again = await start(world, "run")
    asked = await student.sees("Bot qayta ishga tushdi", timeout=LATEST)
    student.taps("pay:protokol-57", asked)
    await student.sees("karta raqam", since=asked)
    again.send_signal(signal.SIGTERM)
    await again.communicate()


async def test_nobody_is_asked_again_after_a_clean_stop(world):
    student = world.student()
    async with world.bot():
        await pays(student)
    async with world.bot():
        start = student.says("8600")
        await student.sees("16 ta raqam", since=start)

    assert "qayta ishga tushdi" not in student.chat.render()


async def test_a_second_signal_does_not_wait_for_a_running_capture(world):
    student = world.student()
    process = await start(world, "run", CONFIRM_TIMEOUT="600")
    assert process.stdout
    await world.is_polled()
    await reaches_code(student)
    with world.holding("confirm"):
        student.says(world.code)
        while not world.calls("confirm"):
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        async for line in process.stdout:
            if b"stopping" in line:
                break
        process.send_signal(signal.SIGTERM)
        said, _ = await asyncio.wait_for(process.communicate(), LATEST)

    assert process.returncode == 0, said.decode()


async def test_check_lists_what_could_not_be_told_and_a_start_tries_again(world):
    database = Database(world.database_url)
    await database.upgrade()
    words = Words("admin-late", {"order": "57", "status": "failed"})
    await database.promise([Notice(chat_id=404, language="uz", words=words)])
    await database.close()
    async with world.bot():
        while len([call for call in world.telegram.calls if call.status == 400]) == 0:
            await asyncio.sleep(0.05)

    code, said = await run(world, "check")

    assert code == 1
    assert "✗ notices: not told: admin-late of order 57 to chat 404 (TelegramBadRequest)" in said
    student = world.student(404)
    student.says("/help")
    async with world.bot():
        await student.sees("57")


async def test_what_the_admins_were_not_told_is_told_in_the_group_that_is_theirs_now(world):
    """The review's find: a wrong ADMIN_CHAT_ID, once mended, left a sale untold."""
    student = world.student()
    world.overrides["admin_chat_id"] = -58
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("✅")
        while not world.stored("SELECT id FROM outbox WHERE dead_at IS NOT NULL"):
            await asyncio.sleep(0.05)
    async with world.bot(admin_chat_id=ADMINS):
        await world.admins.sees("✅")


async def test_a_database_that_is_not_there_stops_the_start_with_a_line(world):
    nowhere = "postgresql+asyncpg://nobody:made-up-password@127.0.0.1:9/shop"
    code, said = await run(world, "run", DATABASE_URL=nowhere)

    assert code == 1
    assert "see that PostgreSQL at 127.0.0.1:9/shop runs and lets the bot in" in said
    assert "made-up-password" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["run", "check"])
async def test_a_database_of_a_newer_version_is_said_so(world, command):
    """The merchant's review: it was said to be a wrong DATABASE_URL."""
    database = Database(world.database_url)
    await database.upgrade()
    await database.close()
    await world.alters("UPDATE alembic_version SET version_num = '9999'")
    code, said = await run(world, command)

    assert code == 1
    assert "a newer version of the bot wrote this database: run that one" in said
    assert "DATABASE_URL" not in said
    assert world.stored("SELECT version_num FROM alembic_version") == [("9999",)]


async def test_a_backup_holds_what_is_paid_while_the_bot_runs(world):
    student = world.student()
    copy = world.home / "copy.db"
    async with world.bot():
        await reaches_code(student)
        student.says(world.code)
        await student.sees("✅")
        code, said = await run(world, "backup", str(copy))
        again = await run(world, "backup", str(copy))

    assert code == 0, said
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as restored:
        assert restored.execute("SELECT status, amount FROM intents").fetchall() == [
            ("captured", PRICE)
        ]
    assert again == (1, f"{copy} is there already: write another name\n")


@pytest.mark.parametrize(
    ("url", "file", "said"),
    [
        ("postgresql+asyncpg://shop:made-up@127.0.0.1/shop", "copy.db", "pg_dump"),
        ("sqlite+aiosqlite:///nowhere.db", "copy.db", "nowhere.db is not there: see DATABASE_URL"),
        (None, "nowhere/copy.db", "nowhere/copy.db cannot be written: No such file"),
    ],
)
async def test_a_backup_that_cannot_be_made_is_a_line(world, url, file, said):
    database = Database(world.database_url)
    await database.upgrade()
    await database.close()
    code, line = await run(world, "backup", file, DATABASE_URL=url or world.database_url)

    assert code == 1
    assert said in line
    assert line.count("\n") == 1
    assert not (world.home / file).exists()


async def test_a_backup_is_restored_as_the_readme_says(world):
    """An old WAL beside the copy would be applied to it."""
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        assert (await run(world, "backup", "copy.db"))[0] == 0
        student.says(world.code)
        await student.sees("✅")
    for kind in ("", "-wal", "-shm"):
        (world.home / f"checkout.db{kind}").unlink(missing_ok=True)
    (world.home / "copy.db").rename(world.home / "checkout.db")
    async with world.bot():
        asked = student.says("/help")
        await student.sees("/paysupport", since=asked)

    assert world.stored("SELECT status FROM intents") == [("challenged",)]


async def test_kill_9_between_stored_and_told_ends_in_told_once(world):
    """Failure stories B1 and B2: it was charged and stored, and nobody could be told yet."""
    student = world.student()
    process = await start(world, "run")
    await world.is_polled()
    await reaches_code(student)
    with world.holding("confirm"):
        student.says(world.code)
        await student.sees("⏳")
        for method in ("sendMessage", "editMessageText"):
            world.telegram.faults.add(Fault(method, Kind.drop, times=None))
    while len(world.telegram.faults.injected) < 2:
        await asyncio.sleep(0.01)
    process.kill()
    await process.communicate()
    before = world.stored("SELECT status FROM intents")
    world.telegram.faults.clear()
    async with world.bot():
        await student.sees("✅")
        await world.admins.sees("✅")

    assert before == [("captured",)]
    assert world.calls("confirm") == len(world.charged) == 1
    assert student.chat.render().count("✅") == 1
    assert len(world.admins.from_bot) == 1


async def test_kill_9_in_a_handler_leaves_the_step_to_be_repeated(world):
    """Failure story B17: Telegram will not give the code again, and the student can."""
    student = world.student()
    process = await start(world, "run")
    await world.is_polled()
    await reaches_code(student)
    world.telegram.latency["deleteMessage"] = 600  # which the handler waits for
    student.says(world.code)
    while [*world.telegram.updates]:
        await asyncio.sleep(0.01)
    process.kill()
    await process.communicate()
    world.telegram.latency.clear()

    assert [*world.telegram.updates] == []

    async with world.bot():
        await asyncio.sleep(0.5)
        heard = world.calls("confirm")
        code = student.says(world.code)
        await student.sees("✅", since=code)

    assert heard == 0
    assert world.charged == [PRICE]


async def test_a_second_copy_gives_way_with_a_clear_message(world):
    """Failure story E10."""
    student = world.student()
    async with world.bot():
        await asyncio.sleep(telegram.YOUNG)
        code, said = await run(world, "run")
        start = student.says("/start protokol-57")
        await student.sees("Protokol 57", since=start)

    assert code == 1
    assert "another copy of the bot runs with this token" in said


@pytest.fixture
def half_the_files():
    """Let this process, and what it starts, open half the files it might."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard // 2, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_the_bot_may_open_as_many_files_as_the_system_lets_it(world, half_the_files):
    """The attacker's review: 1300 connections were more than a soft limit of 1024."""
    process = await start(world, "run")
    await asyncio.wait_for(world.is_polled(), 60)
    allowed = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    process.terminate()
    await asyncio.wait_for(process.communicate(), 60)

    assert allowed == (half_the_files, half_the_files)


class Limits:
    """A system's limits of open files, and one that grants no more than it likes."""

    RLIMIT_NOFILE = 7
    RLIM_INFINITY = -1

    def __init__(self, soft: int, hard: int, most: int) -> None:
        self.given = soft, hard
        self._most = most

    def getrlimit(self, _what: int) -> tuple[int, int]:
        return self.given

    def setrlimit(self, _what: int, wanted: tuple[int, int]) -> None:
        if not 0 <= wanted[0] <= self._most:
            raise ValueError("not allowed to raise maximum limit")
        self.given = wanted


@pytest.mark.parametrize(
    ("soft", "hard", "most", "then"),
    [
        (1024, 4096, 4096, 4096),
        (4096, 4096, 4096, 4096),
        (256, Limits.RLIM_INFINITY, 100_000, 65_536),
        (70_000, Limits.RLIM_INFINITY, 100_000, 70_000),
        (Limits.RLIM_INFINITY, Limits.RLIM_INFINITY, 100_000, Limits.RLIM_INFINITY),
        (256, Limits.RLIM_INFINITY, 10_240, 256),
    ],
)
def test_a_limit_of_files_is_raised_as_far_as_the_system_lets_it(
    monkeypatch, soft, hard, most, then
):
    system = Limits(soft, hard, most)
    monkeypatch.setitem(sys.modules, "resource", system)

    _open_what_may_be_opened()

    assert system.given == (then, hard)


def test_a_system_without_limits_of_files_needs_none_raised(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)

    _open_what_may_be_opened()
