"""Who may do what: commands of the staff, files of the database, words about one's data."""

import os
import stat

import pytest

from bot.db import Database
from tests.conftest import ADMINS, names_card, pays, reaches_code
from tests.test_staff import buys

ELSEWHERE = -1_000_000_000_099
OTHERS = {"id": ELSEWHERE, "type": "channel", "title": "Kanal"}


@pytest.fixture
def admin(world):
    return world.telegram.people[502]


def a_member(world):
    member = world.telegram.person(503, "Aʼzo")
    world.admins.admit(member)
    return member


def as_a_member(world, command):
    a_member(world).says(command, chat=world.admins)


def as_another_channel(world, command):
    """Telegram lets a member write in the name of a channel of theirs."""
    a_member(world).says(command, chat=world.admins, sender_chat=OTHERS)


def as_the_linked_channel(world, command):
    """A post of the channel whose discussion group this is: Telegram forwards it here."""
    origin = {"type": "channel", "date": 1, "chat": OTHERS, "message_id": 1}
    a_member(world).says(
        command,
        chat=world.admins,
        sender_chat=OTHERS,
        is_automatic_forward=True,
        forward_origin=origin,
    )


def as_one_who_was_an_administrator(world, command):
    member = a_member(world)
    world.admins.admins[member.id] = member
    del world.admins.admins[member.id]
    member.says(command, chat=world.admins)


def as_a_bot(world, command):
    """Another bot that is an administrator here."""
    robot = world.telegram.person(600, "Robot")
    robot.is_bot = True
    world.admins.bot_status = "administrator"  # as the sandbox says of any bot
    world.admins.admins[robot.id] = robot
    robot.says(command, chat=world.admins)


def by_an_edit(world, command):
    admin = world.telegram.people[502]
    admin.edits(admin.says("salom", chat=world.admins), command)


def for_another_bot(world, command):
    name, _, order = command.partition(" ")
    world.telegram.people[502].says(f"{name}@other_bot {order}", chat=world.admins)


def by_a_forward(world, command):
    sender = {"id": 501, "is_bot": False, "first_name": "Dilnoza"}
    origin = {"type": "user", "date": 1, "sender_user": sender}
    world.telegram.people[502].says(command, chat=world.admins, forward_origin=origin)


def by_an_inline_bot(world, command):
    bot = {"id": 601, "is_bot": True, "first_name": "Inline", "username": "inline_bot"}
    world.telegram.people[502].says(command, chat=world.admins, via_bot=bot)


def by_a_quote(world, command):
    world.telegram.people[502].says("?", chat=world.admins, quote={"text": command, "position": 0})


def answers(world):
    """Count what the bot itself has written in the group."""
    return sum(one.sender is world.telegram.bot for one in world.admins.from_bot)


@pytest.mark.parametrize(
    "sent",
    [
        as_a_member,
        as_another_channel,
        as_the_linked_channel,
        as_one_who_was_an_administrator,
        as_a_bot,
        by_an_edit,
        for_another_bot,
        by_a_forward,
        by_an_inline_bot,
        by_a_quote,
    ],
)
async def test_only_the_own_words_of_an_administrator_are_a_command(world, admin, sent):
    async with world.bot():
        order = await buys(world, world.student())
        before = answers(world)
        sent(world, f"/order {order}")
        own = admin.says(f"/order {order}", chat=world.admins)
        await world.admins.sees("toʻlangan", since=own)

    assert answers(world) == before + 1


async def test_a_command_in_another_group_is_not_answered(world, admin):
    """The administrator is one there too, and the bot is a member."""
    other = world.telegram.group(ELSEWHERE, "Boshqa", admins=[admin])
    async with world.bot():
        order = await buys(world, world.student())
        admin.says(f"/order {order}", chat=other)
        admin.says(f"/settle {order} unpaid", chat=other)
        started = admin.says("/start", chat=other)
        await other.sees("shaxsiy", since=started)

    assert len(other.from_bot) == 1
    assert world.stored("SELECT status FROM intents") == [("captured",)]


@pytest.mark.parametrize("act", ["reverse", "extra", "settle"])
async def test_a_made_up_press_in_another_chat_does_nothing(world, admin, act):
    """The data of a button can be made up: pressed where they are the chat's own ruler."""
    other = world.telegram.group(ELSEWHERE, "Boshqa", admins=[admin])
    async with world.bot():
        order = await buys(world, world.student())
        asked = world.calls("get")
        started = admin.says("/start", chat=other)
        shown = await other.sees("shaxsiy", since=started)
        world.telegram.tap(admin, shown, f"{act}:{order}")
        helped = admin.says("/help")
        private = await admin.sees("/paysupport", since=helped)
        world.telegram.tap(admin, private, f"{act}:{order}")
        again = admin.says("/help")
        await admin.sees("/paysupport", since=again)
        last = admin.says("/start", chat=other)
        await other.sees("shaxsiy", since=last)

    assert (world.calls("get"), world.calls("reverse")) == (asked, 0)


async def test_a_press_on_a_forwarded_button_does_nothing(world):
    """The group's message, forwarded into a private chat with the bot."""
    student = world.student()
    async with world.bot():
        order = await buys(world, student)
        helped = student.says("/help")
        forwarded = await student.sees("/paysupport", since=helped)
        forwarded.content["forward_origin"] = {"type": "chat", "date": 1} | {
            "sender_chat": world.admins.json()
        }
        world.telegram.tap(student, forwarded, f"reverse:{order}")
        again = student.says("/help")
        await student.sees("/paysupport", since=again)

    assert world.calls("reverse") == 0


async def test_a_press_without_a_message_does_nothing(world, admin):
    """Of a message that was sent by inline mode, or that is too old to be shown."""
    async with world.bot():
        order = await buys(world, world.student())
        query = {"from": admin.json(), "chat_instance": "1", "data": f"reverse:{order}"}
        world.telegram.inject({"callback_query": query | {"id": "1", "inline_message_id": "x"}})
        world.telegram.inject({"callback_query": query | {"id": "2"}})
        own = admin.says(f"/order {order}", chat=world.admins)
        await world.admins.sees("toʻlangan", since=own)

    assert world.calls("reverse") == 0


async def test_who_is_an_administrator_no_more_presses_in_vain(world, admin):
    second = world.telegram.person(504, "Ikkinchi")
    world.admins.members[second.id] = world.admins.admins[second.id] = second
    async with world.bot():
        order = await buys(world, world.student())
        asked = second.says(f"/order {order}", chat=world.admins)
        button = await world.admins.sees("toʻlangan", since=asked)
        del world.admins.admins[second.id]
        second.taps(f"reverse:{order}", button)
        own = admin.says(f"/order {order}", chat=world.admins)
        await world.admins.sees("toʻlangan", since=own)

    assert world.calls("reverse") == 0


async def test_an_anonymous_administrator_is_known_by_the_groups_own_name(world):
    """Telegram shows them as @GroupAnonymousBot, in the name of the group: nobody else can be."""
    group = {"id": ADMINS, "type": "supergroup", "title": "Sotuvlar"}
    robot = world.telegram.person(1_087_968_824, "Group", username="GroupAnonymousBot")
    robot.is_bot = True
    async with world.bot():
        order = await buys(world, world.student())
        asked = robot.says(f"/order {order}", chat=world.admins, sender_chat=group)
        await world.admins.sees("toʻlangan", since=asked)


@pytest.fixture
def no_umask():
    """Make what is not told otherwise readable for everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def rights(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("no_umask")
async def test_the_database_and_what_is_beside_it_are_for_one_account(world):
    world.database_url = f"sqlite+aiosqlite:///{world.home}/new/data/checkout.db"
    async with world.bot():
        await reaches_code(world.student())
        files = {file.name: rights(file) for file in (world.home / "new/data").iterdir()}

    assert files == dict.fromkeys(["checkout.db", "checkout.db-wal", "checkout.db-shm"], 0o600)
    assert rights(world.home / "new/data") == 0o700


@pytest.mark.usefixtures("no_umask")
async def test_a_database_that_everybody_could_read_is_closed_to_them(tmp_path):
    """Copied there by hand, with a write-ahead log that a kill has left."""
    names = ["checkout.db", "checkout.db-wal", "checkout.db-shm"]
    first = Database(f"sqlite+aiosqlite:///{tmp_path / 'checkout.db'}")
    await first.upgrade()
    async with first.read() as tx:
        await tx.exec_driver_sql("SELECT count(*) FROM intents")
        for name in names:
            (tmp_path / name).chmod(0o666)
        second = Database(f"sqlite+aiosqlite:///{tmp_path / 'checkout.db'}")
        found = {name: rights(tmp_path / name) for name in names}
    await first.close()
    await second.close()

    assert found == dict.fromkeys(names, 0o600)


async def nowhere(_world, _student):
    """Before anything."""


async def at_the_offer(_world, student):
    start = student.says("/start protokol-57")
    await student.sees("Protokol 57", since=start)


async def at_the_card(_world, student):
    await pays(student)


async def at_the_expiry(_world, student):
    await pays(student)
    number = student.says("8600990000000009")
    await student.sees("muddat", since=number)


async def at_the_code(_world, student):
    await reaches_code(student)


async def while_atmos_charges(world, student):
    world.gateway.latency["confirm"] = 1.0
    await reaches_code(student)
    student.says(world.code)
    await student.sees("⏳")


async def once_paid(world, student):
    await reaches_code(student)
    student.says(world.code)
    await student.sees("✅")


@pytest.mark.parametrize(
    "come",
    [
        nowhere,
        at_the_offer,
        at_the_card,
        at_the_expiry,
        at_the_code,
        while_atmos_charges,
        once_paid,
    ],
)
async def test_privacy_and_paysupport_answer_wherever_a_student_is(world, come):
    student = world.student()
    async with world.bot(support_contact="@sotuvchi", retention_days=45):
        await come(world, student)
        asked = student.says("/privacy")
        private = await student.sees("saqlanmaydi", since=asked)
        asked = student.says("/paysupport")
        await student.sees("@sotuvchi", since=asked)

    assert "45 kun" in private.text
    assert asked.deleted is False


async def test_a_checkout_goes_on_after_they_have_answered(world):
    student = world.student()
    async with world.bot():
        await pays(student)
        asked = student.says("/privacy")
        await student.sees("saqlanmaydi", since=asked)
        typed = await names_card(student)
        await student.sees("SMS kod", since=typed[-1])
        asked = student.says("/paysupport")
        await student.sees("sotuvchiga", since=asked)
        student.says(world.code)
        await student.sees("✅")


async def test_they_do_not_answer_in_a_group(world, admin):
    async with world.bot():
        for command in ("/privacy", "/paysupport", "/help", "/language", "/cancel"):
            admin.says(command, chat=world.admins)
        started = admin.says("/start", chat=world.admins)
        await world.admins.sees("shaxsiy", since=started)

    assert len(world.admins.from_bot) == 1
