"""Telegram brings updates, instead of being asked for them."""

import asyncio
import json

import httpx
import pytest

from bot import telegram
from sandbox.faults import Fault, Kind
from tests.conftest import GOOD, PRICE, TOKEN, everything_said, free_port, pays, reaches_code

SECRET = telegram.webhook_secret(telegram.bot(TOKEN, "http://127.0.0.1"))
HEADER = "X-Telegram-Bot-Api-Secret-Token"


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def patient(monkeypatch):
    """However slow the machine is, an update is stored before Telegram is answered."""
    monkeypatch.setattr("bot.intake.PATIENCE", 60.0)


@pytest.fixture
def url(world, port):
    url = f"http://127.0.0.1:{port}/telegram"
    world.overrides |= {"webhook_url": url, "web_port": port}
    return url


async def brings(url, body, secret=SECRET):
    headers = {} if secret is None else {HEADER: secret}
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.post(url, content=content, headers=headers)


@pytest.mark.usefixtures("url")
async def test_a_purchase_over_the_webhook(world):
    student = world.student()
    async with world.bot():
        await reaches_code(student)
        code = student.says(world.code)
        await student.sees("✅")
        await world.admins.sees("✅")

    assert code.deleted
    assert world.charged == [PRICE]
    assert not [call for call in world.telegram.calls if call.method == "getUpdates"]


@pytest.mark.usefixtures("patient")
async def test_whoever_is_not_telegram_is_not_listened_to(world, url):
    student = world.student()
    student.started = True
    update = {"update_id": 1, "message": student.chat.write(student, {"text": "/help"}).json()}
    async with world.bot():
        for secret in (None, "", "wrong", "ʻ".encode(), SECRET[:-1]):
            assert (await brings(url, update, secret)).status_code == 403
        assert (await brings(url, update)).status_code == 200
        await student.sees("/cancel")

    assert len(student.chat.from_bot) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"[]", b"null", b"{", b"[" * 100_000, b'{"update_id": NaN, "message": {'],
)
async def test_what_is_no_update_is_refused_in_a_word(world, url, body):
    async with world.bot():
        answer = await brings(url, body)

    assert (answer.status_code, answer.text) == (400, "")


async def test_an_update_that_is_too_large_is_refused(world, url):
    async with world.bot():
        answer = await brings(url, b" " * 300_000)

    assert answer.status_code == 413


@pytest.mark.usefixtures("patient")
async def test_what_telegram_brings_twice_is_handled_once(world, url):
    student = world.student()
    student.started = True
    update = {"update_id": 7, "message": student.chat.write(student, {"text": "/help"}).json()}
    async with world.bot():
        answers = await asyncio.gather(*(brings(url, update) for _ in range(5)))
        assert [answer.status_code for answer in answers] == [200] * 5
        question = student.says("/privacy")
        await student.sees("Saqlanadi", since=question)

    assert sum("/language" in said for said in everything_said(student)) == 1


@pytest.mark.usefixtures("url")
async def test_what_cannot_be_stored_is_brought_again(world):
    student = world.student()
    async with world.bot():
        await pays(student)
        await world.fills_disk("INSERT ON inbox")
        card = student.says(GOOD)
        while not card.deleted:
            await asyncio.sleep(0.02)
        while world.telegram.webhook.last_error_message is None:
            await asyncio.sleep(0.02)
        await world.frees_disk()
        await student.sees("muddat", since=card)


@pytest.mark.usefixtures("url")
async def test_telegram_is_asked_until_it_takes_the_address(world):
    student = world.student()
    world.telegram.faults.add(Fault("setWebhook", Kind.bad_gateway))
    async with world.bot():
        start = student.says("/start protokol-57")
        await student.sees("Protokol 57", since=start)


@pytest.mark.usefixtures("url")
async def test_from_the_webhook_back_to_asking(world):
    """A webhook that is left behind would end every getUpdates."""
    student = world.student()
    async with world.bot():
        pass
    waiting = student.says("/start protokol-57")
    async with world.bot(webhook_url=None):
        await student.sees("Protokol 57", since=waiting)

    assert world.telegram.webhook is None
