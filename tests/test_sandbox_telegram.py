"""The stand-in Telegram keeps the rules of the real one."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
)
from aiogram.filters import CommandStart
from aiogram.types import (
    CallbackQuery,
    ChatJoinRequest,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
)
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox.faults import Dropped, Fault, Kind
from sandbox.telegram import Telegram
from sandbox.telegram.bell import Bell
from sandbox.telegram.html import parse
from sandbox.telegram.http import serve

TOKEN = "42:TEST"
DAY = 24 * 3600
PAY = {"inline_keyboard": [[{"text": "Pay", "callback_data": "pay"}]]}


class Clock:
    def __init__(self):
        self.time = 1_800_000_000.0

    def __call__(self):
        return self.time


class Api:
    """A bot that speaks plain HTTP; a call gives the answer's JSON."""

    def __init__(self, url, client):
        self.url, self.client = url, client

    async def __call__(self, method, **params):
        return (await self.send(method, **params)).json()

    async def send(self, method, **params):
        return await self.client.post(f"/bot{TOKEN}/{method}", json=params)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def telegram(clock):
    return Telegram(token=TOKEN, now=clock)


@pytest.fixture
def aziz(telegram):
    return telegram.person(7)


@pytest.fixture
async def api(telegram):
    async with (
        serve(telegram, patience=0.01) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client,
    ):
        yield Api(url, client)


@pytest.fixture
async def bot(api):
    bot = Bot(TOKEN, AiohttpSession(api=TelegramAPIServer.from_base(api.url)))
    yield bot
    await bot.session.close()


@contextlib.asynccontextmanager
async def polling(dispatcher, bot) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False)
        )
        try:
            yield
        finally:
            await dispatcher.stop_polling()


def why(answer):
    return answer["error_code"], answer["description"]


def bad(description):
    return 400, f"Bad Request: {description}"


async def ids(api, **params):
    return [update["update_id"] for update in (await api("getUpdates", **params))["result"]]


async def test_aiogram_polls_answers_edits_and_deletes(aziz, bot):
    dispatcher = Dispatcher()

    @dispatcher.message(CommandStart())
    async def start(message: Message):
        button = InlineKeyboardButton(text="To‘lash", callback_data="pay")
        markup = InlineKeyboardMarkup(inline_keyboard=[[button]])
        await message.answer("<b>Salom</b> &amp; xush", parse_mode="HTML", reply_markup=markup)

    @dispatcher.callback_query(F.data == "pay")
    async def pay(query: CallbackQuery):
        await query.answer("Bir daqiqa")
        assert isinstance(query.message, Message)
        await query.message.edit_text("Kartani yuboring")

    @dispatcher.message(F.text)
    async def card(message: Message):
        await message.delete()
        await message.answer("Oldik")

    @dispatcher.edited_message()
    async def edited(message: Message):
        await message.reply(f"Endi: {message.text}")

    async with polling(dispatcher, bot):
        aziz.says("/start")
        await aziz.sees("Salom & xush")
        tap = aziz.taps("To‘lash")
        await aziz.sees("Kartani yuboring", since=tap)
        sent = aziz.says("8600 0000 0000 0000")
        await aziz.sees("Oldik", since=sent)
        photo = aziz.sends("photo", caption="karta")
        aziz.edits(photo, "yangi")
        await aziz.sees("Endi: None")

    assert sent.deleted
    assert aziz.toasts == ["Bir daqiqa"]
    assert aziz.chat.texts == ["/start", "Kartani yuboring", "Oldik", "yangi", "Endi: None"]
    asked = aziz.chat.from_bot[0]
    assert asked.edits == ["Salom & xush"]
    kinds = [event.kind for event in aziz.chat.history]
    assert kinds == ["sent", "sent", "edited", "sent", "deleted", "sent", "sent", "edited", "sent"]
    assert "Aziz: (deleted)" in aziz.chat.render()
    assert "Aziz: <photo> yangi (edited)" in aziz.chat.render()


async def test_aiogram_reads_every_kind_of_update_and_answer(telegram, aziz, bot):
    group = telegram.group(
        -5,
        "Staff",
        members=[aziz],
        admins=[telegram.person(8)],
        bot_rights={"can_invite_users": 1},
    )
    dispatcher = Dispatcher()
    seen = []
    dispatcher.my_chat_member()(lambda change: seen.append(change.new_chat_member.status))
    dispatcher.chat_member()(lambda change: seen.append(change.new_chat_member.user.id))
    dispatcher.message()(lambda message: seen.append(message.content_type))

    @dispatcher.chat_join_request()
    async def asked(request: ChatJoinRequest):
        await request.approve()

    async with polling(dispatcher, bot):
        await telegram.until(lambda: telegram.updates.allowed)
        for kind in ("photo", "voice", "video", "sticker", "document", "contact", "location"):
            aziz.sends(kind)
        aziz.blocks()
        aziz.unblocks()
        link = await bot.create_chat_invite_link(-5, creates_join_request=True)
        assert not telegram.person(9, "Olim").joins(link.invite_link)
        await telegram.until(lambda: 9 in group.members)
        while "new_chat_members" not in seen:  # what aiogram has read rings no bell
            await asyncio.sleep(0.01)

    assert {"photo", "voice", "video", "sticker", "document", "contact", "location"} < set(seen)
    assert {"kicked", "member", 9} < set(seen)
    assert (await bot.me()).username == "checkout_bot"
    assert (await bot.get_chat(-5)).title == "Staff"
    assert [member.status for member in await bot.get_chat_administrators(-5)] == [
        "creator",
        "administrator",
    ]
    assert (await bot.get_chat_member(-5, telegram.person(10).id)).status == "left"


async def test_a_wrong_token_and_an_unknown_method_are_refused(api):
    wrong = await api.client.post("/bot1:no/getMe")
    unknown = await api.send("fly")
    file = await api.client.get(f"/file/bot{TOKEN}/x.jpg")

    assert (wrong.status_code, wrong.json()["description"]) == (401, "Unauthorized")
    assert (unknown.status_code, unknown.json()["description"]) == (404, "Not Found")
    assert file.status_code == 404


async def test_parameters_come_as_json_form_multipart_or_query(api, aziz):
    aziz.unblocks()
    path = f"/bot{TOKEN}/sendMessage"
    fields = {"chat_id": "7", "text": "123", "reply_markup": json.dumps(PAY)}

    for sent in (
        await api.client.post(path, json=fields),
        await api.client.post(path, data=fields),
        await api.client.post(path, files={key: (None, value) for key, value in fields.items()}),
        await api.client.get(path, params=fields),
    ):
        assert (
            sent.json()["result"]["text"],
            sent.json()["result"]["reply_markup"],
        ) == ("123", PAY)
    assert (await api.client.post(path, content="{", headers=JSON)).status_code == 400


JSON = {"Content-Type": "application/json"}


async def test_an_update_is_kept_until_a_greater_offset_confirms_it(api, aziz):
    for word in "abc":
        aziz.says(word)
    first, second, third = await ids(api)

    assert [first + 1, first + 2] == [second, third]
    assert [second] == await ids(api, offset=second, limit=1)
    assert [third] == await ids(api, offset=-1)
    assert await ids(api, offset=third + 1) == []
    assert (await api("getWebhookInfo"))["result"]["pending_update_count"] == 0


async def test_the_same_offset_again_at_once_gives_one_update(api, aziz, monkeypatch):
    monkeypatch.setattr("sandbox.telegram.queue.HURRIED", 60.0)
    aziz.says("a")
    aziz.says("b")

    assert [len(await ids(api, offset=1)), len(await ids(api, offset=1))] == [2, 1]


async def test_a_long_poll_wakes_with_the_update(api, aziz):
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(ids(api, timeout=50))
        await aziz.telegram.until(lambda: aziz.telegram.calls)
        aziz.says("salom")

    assert len(waiting.result()) == 1


async def test_a_second_poller_ends_the_first(api, telegram, aziz):
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(api("getUpdates", timeout=50))
        await telegram.until(lambda: telegram.updates._poller)
        second = tasks.create_task(api("getUpdates", timeout=50, offset=5))
        await telegram.until(lambda: telegram.calls[0].status)
        aziz.says("salom")

    assert first.result()["description"].startswith("Conflict: terminated by other getUpdates")
    assert first.result()["error_code"] == 409
    assert second.result()["ok"]


async def test_a_kind_not_asked_for_is_lost_when_it_arrives(api, aziz):
    await api("getUpdates", allowed_updates=["message"])
    sent = aziz.says("a")
    aziz.edits(sent, "b")
    first = await api("getUpdates", offset=1, allowed_updates=["message", "edited_message"])
    aziz.edits(sent, "c")
    second = await api("getUpdates", offset=2)

    assert [list(update)[1] for update in first["result"]] == ["message"]
    assert [list(update)[1] for update in second["result"]] == ["message", "edited_message"]


async def test_who_joins_a_group_is_not_told_unless_asked_for(api, telegram, aziz):
    group = telegram.group(-5, "Staff")
    group.admit(aziz)
    before = (await api("getUpdates"))["result"]
    await api("getUpdates", offset=1, allowed_updates=["chat_member"])
    group.expel(aziz, ban=False)
    after = (await api("getUpdates", offset=before[-1]["update_id"] + 1))["result"]

    assert [list(update)[1] for update in before] == ["message"]
    assert [list(update)[1] for update in after] == ["chat_member"]


async def test_taps_expire_in_minutes_and_messages_in_a_day(api, aziz, clock):
    aziz.says("/start")
    await api("sendMessage", chat_id=7, text="Pay?", reply_markup=PAY)
    aziz.taps("pay")
    clock.time += 149
    assert len(await ids(api)) == 2
    clock.time += 1
    assert len(await ids(api, offset=1)) == 1
    clock.time += DAY
    assert (await api("getWebhookInfo"))["result"]["pending_update_count"] == 0


async def test_a_raw_update_is_passed_on_as_it_is(api, telegram):
    number = telegram.inject({"message": {"text": None}})
    telegram.inject({"update_id": number + 10, "poll": 5})

    assert [number, number + 10] == await ids(api)
    assert number + 11 == telegram.inject({"message": {}})


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"chat_id": 99, "text": "a"}, bad("chat not found")),
        ({"text": "a"}, bad("chat_id is empty")),
        ({"chat_id": 7, "text": " "}, bad("message text is empty")),
        ({"chat_id": 7}, bad("message text is empty")),
        ({"chat_id": 7, "text": "a" * 4097}, bad("message is too long")),
        ({"chat_id": 7, "text": "a", "parse_mode": "Markdown"}, bad("unsupported parse_mode")),
        ({"chat_id": 7, "text": "a", "message_thread_id": 3}, bad("message thread not found")),
        (
            {"chat_id": 7, "text": "a", "reply_parameters": {"message_id": 99}},
            bad("message to be replied not found"),
        ),
    ],
)
async def test_a_message_that_cannot_be_sent_is_refused(api, aziz, params, expected):
    aziz.says("/start")

    assert expected == why(await api("sendMessage", **params))
    assert aziz.chat.texts == ["/start"]


async def test_a_button_carries_64_bytes(api, aziz):
    aziz.says("/start")

    async def send(**button):
        markup = {"inline_keyboard": [[{"text": "x", **button}]]}
        return await api("sendMessage", chat_id=7, text="a", reply_markup=markup)

    assert (await send(callback_data="ʻ" * 32))["ok"]
    assert bad("BUTTON_DATA_INVALID") == why(await send(callback_data="ʻ" * 32 + "a"))
    assert bad("BUTTON_DATA_INVALID") == why(await send(callback_data=""))
    assert "Text buttons are unallowed" in (await send())["description"]


async def test_nobody_is_written_to_who_does_not_want_it(bot, api, aziz):
    chat = {"chat_id": 7, "text": "a"}

    assert (await api("sendMessage", **chat)).get(
        "description"
    ) == "Forbidden: bot can't initiate conversation with a user"
    sent = aziz.says("/start")
    aziz.blocks()
    with pytest.raises(TelegramForbiddenError, match="bot was blocked by the user"):
        await bot.send_message(7, "a")
    with pytest.raises(ValueError, match="unblock"):
        aziz.says("b")
    assert (await api("deleteMessage", chat_id=7, message_id=sent.id))["ok"]
    aziz.unblocks()
    assert (await api("sendChatAction", chat_id=7, action="typing"))["ok"]
    aziz.deactivated = True
    assert why(await api("sendMessage", **chat)) == (403, "Forbidden: user is deactivated")


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>a</p>", 'Unsupported start tag "p" at byte offset 0'),
        ("ʻ<b>a", 'Can\'t find end tag corresponding to start tag "b"'),
        ("ʻ<b>a</i>", 'Unmatched end tag at byte offset 6, expected "</b>", found "</i>"'),
        ("a</b>", "Unexpected end tag at byte offset 1"),
        ("1 < 2", "Unclosed start tag at byte offset 2"),
        ("<span>a</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("a&nbsp;b", 'Unsupported entity "&nbsp;"'),
    ],
)
async def test_broken_html_is_refused(api, aziz, html, expected):
    aziz.says("/start")
    answer = await api("sendMessage", chat_id=7, text=html, parse_mode="HTML")

    assert bad(f"can't parse entities: {expected}") == why(answer)


def test_html_becomes_the_text_that_is_read():
    text, entities = parse(
        '👍 <b>A &lt;&amp;&gt; <i>B</i></b> <a href="https://a.uz/?a=1&amp;b=2">C</a>'
    )

    assert text == "👍 A <&> B C"
    assert entities == [
        {"type": "bold", "offset": 3, "length": 7},
        {"type": "italic", "offset": 9, "length": 1},
        {"type": "text_link", "offset": 11, "length": 1, "url": "https://a.uz/?a=1&b=2"},
    ]


async def test_an_edit_must_change_something_of_the_bots_own(api, aziz):
    mine = aziz.says("/start")
    sent = await api(
        "sendMessage", chat_id=7, text="<b>a</b>", parse_mode="HTML", reply_markup=PAY
    )
    message = {"chat_id": 7, "message_id": sent["result"]["message_id"]}
    same = {"text": "<b>a</b>", "parse_mode": "HTML", "reply_markup": PAY}

    not_modified = await api("editMessageText", **message, **same)
    assert why(not_modified) == bad(
        "message is not modified: specified new message content and reply markup are exactly "
        "the same as a current content and reply markup of the message"
    )
    again = await api("editMessageReplyMarkup", **message, reply_markup=PAY)
    assert "is not modified" in again["description"]
    assert (await api("editMessageReplyMarkup", **message))["ok"]
    assert aziz.chat.from_bot[0].buttons == []
    assert (await api("editMessageText", **message, text="a"))["ok"]
    aziz.deletes(aziz.chat.from_bot[0])
    gone = await api("editMessageText", **message, text="b")
    assert bad("message to edit not found") == why(gone)
    own = await api("editMessageText", chat_id=7, message_id=mine.id, text="b")
    assert bad("message can't be edited") == why(own)


async def test_a_message_is_deleted_once_and_within_48_hours(bot, api, aziz, clock):
    sent, late = aziz.says("8600"), aziz.says("9860")

    assert await bot.delete_message(7, sent.id)
    with pytest.raises(TelegramBadRequest, match="message to delete not found"):
        await bot.delete_message(7, sent.id)
    clock.time += 2 * DAY + 1
    answer = await api("deleteMessage", chat_id=7, message_id=late.id)
    assert bad("message can't be deleted for everyone") == why(answer)


async def test_deleting_many_says_yes_whatever_happens(api, aziz):
    sent = [aziz.says(word).id for word in "ab"]

    assert (await api("deleteMessages", chat_id=7, message_ids=[*sent, sent[0], 99]))["result"]
    assert aziz.chat.texts == []
    assert (await api("deleteMessages", chat_id=7, message_ids=sent))["result"]
    many = await api("deleteMessages", chat_id=7, message_ids=list(range(101)))
    assert bad("too many message identifiers specified") == why(many)
    assert not (await api("deleteMessages", chat_id=7))["ok"]


async def test_in_a_group_deleting_takes_the_right(api, telegram, aziz):
    group = telegram.group(-5, "Staff", members=[aziz])
    sent = aziz.says("8600", chat=group)
    message = {"chat_id": -5, "message_id": sent.id}
    own = await api("sendMessage", chat_id=-5, text="a")

    assert bad("message can't be deleted") == why(await api("deleteMessage", **message))
    assert (await api("deleteMessages", chat_id=-5, message_ids=[sent.id]))["result"]
    assert not sent.deleted
    own_id = own["result"]["message_id"]
    assert (await api("deleteMessage", chat_id=-5, message_id=own_id))["ok"]
    group.bot_rights["can_delete_messages"] = True
    assert (await api("deleteMessage", **message))["ok"]


async def test_a_tap_is_answered_once_and_within_15_minutes(api, aziz, clock):
    aziz.says("/start")
    await api("sendMessage", chat_id=7, text="Pay?", reply_markup=PAY)
    first, second = aziz.taps("Pay"), aziz.taps("pay")

    assert (await api("answerCallbackQuery", callback_query_id=first, text="Ha"))["ok"]
    assert not (await api("answerCallbackQuery", callback_query_id=first))["ok"]
    clock.time += 15 * 60 + 1
    assert bad("query is too old and response timeout expired or query ID is invalid") == why(
        await api("answerCallbackQuery", callback_query_id=second)
    )
    assert aziz.toasts == ["Ha"]


async def test_only_a_button_that_is_seen_is_tapped(api, aziz):
    aziz.says("/start")
    rows = [[{"text": "Pay", "callback_data": "pay"}, {"text": "Site", "url": "https://a.uz"}]]
    await api("sendMessage", chat_id=7, text="a", reply_markup={"inline_keyboard": rows})

    assert aziz.taps("Site") == "https://a.uz"
    with pytest.raises(LookupError, match=r"no button 'Back'; Aziz sees \['Pay', 'Site'\]"):
        aziz.taps("Back")
    aziz.deletes(aziz.chat.from_bot[0])
    with pytest.raises(LookupError):
        aziz.taps("Pay")


async def test_who_waits_in_vain_is_shown_the_chat(api, telegram, aziz):
    aziz.says("/start")
    await api("sendMessage", chat_id=7, text="Pay?", reply_markup=PAY)

    with pytest.raises(AssertionError, match=r"Aziz: /start\ncheckout_bot: Pay\?\n    \[Pay\]"):
        await aziz.sees("Paid", timeout=0.01)
    with pytest.raises(AssertionError, match="sendMessage"):
        await telegram.until(lambda: False, timeout=0.01)
    with pytest.raises(AssertionError):
        await aziz.sees("Pay", timeout=0.01, since=aziz.chat.from_bot[0])


async def test_a_group_that_moved_says_where_to(bot, telegram, aziz):
    group = telegram.group(-5, "Staff", members=[aziz], bot_rights={"can_delete_messages": True})
    new = group.upgrade()

    with pytest.raises(TelegramMigrateToChat) as moved:
        await bot.send_message(-5, "a")
    assert new == moved.value.migrate_to_chat_id
    await bot.send_message(new, "a")
    assert (await telegram.chats[new].sees("a")).text == "a"
    assert telegram.chats[new].type == "supergroup"


async def test_a_topic_must_be_there(api, telegram):
    telegram.group(-1_000_000_000_005, "Staff", topics=[3])
    chat = {"chat_id": -1_000_000_000_005, "text": "a"}

    sent = await api("sendMessage", **chat, message_thread_id=3)
    assert sent["result"]["message_thread_id"] == 3
    unknown = await api("sendMessage", **chat, message_thread_id=4)
    assert bad("message thread not found") == why(unknown)


async def test_a_bot_that_is_out_of_a_group_is_told_so(api, telegram, aziz):
    group = telegram.group(-5, "Staff", members=[aziz])
    await api("leaveChat", chat_id=-5)
    left = await api("sendMessage", chat_id=-5, text="a")
    group.kicks_bot()
    kicked = await api("sendMessage", chat_id=-5, text="a")
    before = len(await ids(api))
    aziz.says("anyone?", chat=-5)

    assert why(left) == (403, "Forbidden: bot is not a member of the group chat")
    assert why(kicked) == (403, "Forbidden: bot was kicked from the group chat")
    assert before == len(await ids(api, offset=1))


async def test_members_are_let_in_thrown_out_and_let_back(api, telegram, aziz):
    group = telegram.group(-5, "Course")
    member = {"chat_id": -5, "user_id": 7}
    assert not (await api("createChatInviteLink", chat_id=-5))["ok"]
    assert not (await api("banChatMember", **member))["ok"]
    group.bot_rights = {"can_invite_users": True, "can_restrict_members": True}
    once = (await api("createChatInviteLink", chat_id=-5, member_limit=1))["result"]
    asking = (await api("createChatInviteLink", chat_id=-5, creates_join_request=True))["result"]

    assert bad("HIDE_REQUESTER_MISSING") == why(await api("approveChatJoinRequest", **member))
    assert not aziz.joins(asking["invite_link"])
    assert (await api("declineChatJoinRequest", **member))["ok"]
    assert aziz.joins(once["invite_link"])
    assert (await api("getChatMember", **member))["result"]["status"] == "member"
    assert bad("USER_ALREADY_PARTICIPANT") == why(await api("approveChatJoinRequest", **member))
    assert (await api("banChatMember", **member))["ok"]
    assert (await api("getChatMember", **member))["result"]["status"] == "kicked"
    assert (await api("unbanChatMember", **member, only_if_banned=True))["ok"]
    assert (await api("getChatMember", **member))["result"]["status"] == "left"
    with pytest.raises(ValueError, match="does not work any more"):
        aziz.joins(once["invite_link"])
    revoked = await api("revokeChatInviteLink", chat_id=-5, invite_link=asking["invite_link"])
    assert revoked["result"]["is_revoked"]


async def test_commands_are_kept_by_scope_and_language(api):
    commands = [{"command": "start", "description": "Boshlash"}]
    await api("setMyCommands", commands=commands, language_code="uz")

    assert commands == (await api("getMyCommands", language_code="uz"))["result"]
    assert (await api("getMyCommands"))["result"] == []


async def test_a_bot_that_talks_too_fast_has_to_wait(bot, telegram, aziz, clock):
    limited = Telegram(token=TOKEN, now=clock, limits=True)
    for number in range(10):
        limited.person(number + 1).unblocks()
    limited.group(-5, "Staff")

    async def burst(chat_id, count):
        answers = [
            await limited.call(TOKEN, "sendMessage", {"chat_id": chat_id, "text": "a"})
            for _ in range(count)
        ]
        return [answer.status for answer in answers].count(200), answers[-1]

    assert (await burst(1, 6))[0] == 5
    sent, last = await burst(-5, 21)
    assert (sent, last.headers["Retry-After"]) == (20, "60")
    clock.time += 1
    assert sum([(await burst(number, 5))[0] for number in range(2, 9)]) == 30
    clock.time += 60
    assert (await burst(-5, 1))[0] == 1

    aziz.unblocks()
    telegram.faults.add(Fault("sendMessage", Kind.too_many, seconds=3))
    with pytest.raises(TelegramRetryAfter) as told:
        await bot.send_message(7, "a")
    assert told.value.retry_after == 3


async def test_a_fault_strikes_before_or_after_the_work(bot, telegram, aziz):
    aziz.unblocks()
    for kind in (Kind.refuse, Kind.drop):
        telegram.faults.add(Fault("sendMessage", kind))
        with pytest.raises(TelegramNetworkError):
            await bot.send_message(7, "lost")
    telegram.faults.add(Fault("sendMessage", Kind.drop, acts=True))
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(7, "sent all the same")

    assert aziz.chat.texts == ["sent all the same"]
    assert [call.status for call in telegram.calls] == [None] * 3
    assert telegram.faults.injected["sendMessage drop after acting"] == 1


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        (Kind.bad_gateway, 502, "502 Bad Gateway"),
        (Kind.server_error, 500, "Internal Server Error"),
        (Kind.garbage, 200, '{"ok":true,"result":{"mess'),
        (Kind.unauthorized, 401, "Unauthorized"),
        (Kind.too_many, 429, "retry after 1"),
        (Kind.slow, 200, "checkout_bot"),
    ],
)
async def test_a_fault_answers_as_the_real_world_would(api, telegram, kind, status, body):
    telegram.faults.add(Fault("*", kind, seconds=0.01))
    answer = await api.send("getMe")

    assert status == answer.status_code
    assert body in answer.text
    assert (await api("getMe"))["ok"]


async def test_answers_take_their_time_when_asked_to(api, telegram):
    telegram.latency["*"] = 0.05
    start = time.monotonic()
    await api("getMe")

    assert time.monotonic() - start >= 0.05


async def test_a_fault_reaches_a_caller_in_the_same_process(telegram):
    telegram.faults.add(Fault("getMe", Kind.drop))

    with pytest.raises(Dropped):
        await telegram.call(TOKEN, "getMe", {})


class Hook:
    """A bot's webhook that remembers what came, and says no while there is something to say."""

    def __init__(self):
        self.came = []
        self.refusals = []
        self.headers = {}
        self.reply = {}
        self.url = ""
        self.bell = Bell()
        self.held = asyncio.Event()
        self.held.set()

    async def take(self, request):
        update = await request.json()
        self.came.append((update, request.headers.get("X-Telegram-Bot-Api-Secret-Token")))
        self.bell.ring()
        await self.held.wait()
        if self.refusals:
            return web.Response(status=self.refusals.pop(0), headers=self.headers)
        return web.json_response(self.reply)

    @property
    def words(self):
        return [
            update["message"]["text"] if "message" in update else "tap" for update, _ in self.came
        ]


@pytest.fixture
async def hook():
    hook = Hook()
    application = web.Application()
    application.router.add_post("/hook", hook.take)
    async with TestServer(application, shutdown_timeout=0.1) as server:
        hook.url = str(server.make_url("/hook"))
        yield hook


async def test_a_webhook_gets_a_chats_messages_one_by_one(api, telegram, aziz, hook):
    aziz.says("/start")
    await api("sendMessage", chat_id=7, text="Pay?", reply_markup=PAY)
    hook.held.clear()
    await api("setWebhook", url=hook.url, secret_token="s3cret")
    aziz.says("b")
    telegram.person(8).says("other")
    aziz.taps("Pay")
    hook.refusals = [500] * 4
    await hook.bell.until(lambda: len(hook.came) == 3, 60)
    together = sorted(hook.words)
    hook.held.set()
    await hook.bell.until(lambda: "b" in hook.words, 60)
    await telegram.until(lambda: not list(telegram.updates))

    assert together == ["/start", "other", "tap"]  # "b" waits for "/start" to be taken
    assert len(hook.came) == 4 + 4
    assert "b" not in hook.words[: hook.words.index("/start", 1)]
    assert {secret for _, secret in hook.came} == {"s3cret"}
    last_error = (await api("getWebhookInfo"))["result"]["last_error_message"]
    assert last_error == "Wrong response from the webhook: 500"


async def test_a_failed_update_holds_its_chat_up(api, aziz, hook):
    hook.refusals = [503, 503, 503]
    hook.headers = {"Retry-After": "5"}
    await api("setWebhook", url=hook.url)
    start = time.monotonic()
    aziz.says("first")
    aziz.says("second")
    await hook.bell.until(lambda: "second" in hook.words, 60)

    assert hook.words == ["first"] * 4 + ["second"]
    assert time.monotonic() - start >= 3 * 5 * 0.01  # Retry-After, at this server's patience


async def test_a_failed_update_is_given_up_when_it_is_too_old(api, telegram, aziz, hook, clock):
    hook.refusals = [503] * 99
    await api("setWebhook", url=hook.url)
    aziz.says("old")
    await hook.bell.until(lambda: len(hook.came) > 1, 60)
    clock.time += DAY
    hook.refusals = []
    aziz.says("new")
    await hook.bell.until(lambda: "new" in hook.words, 60)
    await telegram.until(lambda: not list(telegram.updates))

    assert hook.words.count("old") + 1 == len(hook.words)


async def test_a_lost_webhook_keeps_what_was_not_taken(api, aziz, hook):
    hook.refusals = [500] * 99
    await api("setWebhook", url=hook.url)
    aziz.says("first")
    await hook.bell.until(lambda: hook.came, 60)
    await api("deleteWebhook")
    hook.refusals = []
    aziz.says("second")
    again = await api("setWebhook", url=hook.url)
    await hook.bell.until(lambda: "second" in hook.words, 60)

    assert again["ok"]
    assert hook.words.index("second") == len(hook.words) - 1


async def test_a_webhook_may_answer_with_a_call(api, aziz, hook):
    hook.reply = {"method": "sendMessage", "chat_id": 7, "text": "Salom"}
    await api("setWebhook", url=hook.url)
    aziz.says("/start")

    assert (await aziz.sees("Salom")).text == "Salom"


async def test_aiograms_webhook_answers_with_a_call(telegram, aziz, bot):
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def start(message: Message):
        return message.answer("<b>7</b>", parse_mode="HTML")

    application = web.Application()
    handler = SimpleRequestHandler(
        dispatcher, bot, handle_in_background=False, secret_token="s3cret"
    )
    handler.register(application, "/hook")
    async with TestServer(application, shutdown_timeout=0.1) as server:
        await bot.set_webhook(str(server.make_url("/hook")), secret_token="s3cret")
        aziz.says("/start")
        message = await aziz.sees("7")

    assert message.html == "<b>7</b>"
    assert telegram.webhook.last_error_message is None


async def test_updates_wait_for_the_server_to_push_them(telegram, aziz, hook):
    await telegram.call(TOKEN, "setWebhook", {"url": hook.url})
    aziz.says("early")
    async with serve(telegram):
        await hook.bell.until(lambda: hook.words == ["early"], 60)
        await telegram.until(lambda: not list(telegram.updates))


async def test_polling_and_a_webhook_exclude_each_other(api, telegram, aziz):
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(api("getUpdates", timeout=50))
        await telegram.until(lambda: telegram.updates._poller)
        await api("setWebhook", url="http://127.0.0.1:1/closed", allowed_updates=["message"])
    aziz.says("/start")
    await telegram.until(lambda: telegram.webhook.last_error_message)
    polled = await api("getUpdates")
    info = (await api("getWebhookInfo"))["result"]

    assert why(waiting.result()) == (409, "Conflict: terminated by setWebhook request")
    assert (polled["error_code"], "webhook is active" in polled["description"]) == (409, True)
    assert (info["pending_update_count"], info["allowed_updates"]) == (1, ["message"])
    assert not (await api("setWebhook", url="ftp://a"))["ok"]
    assert not (await api("setWebhook", url="http://127.0.0.1:1/", secret_token="ʻ"))["ok"]
    assert (await api("deleteWebhook"))["result"]
    assert len(await ids(api)) == 1
    assert (await api("deleteWebhook", drop_pending_updates=True))["result"]
    assert await ids(api, offset=1) == []


async def test_the_server_closes_at_once_under_a_waiting_poll(telegram):
    async with (
        httpx.AsyncClient(trust_env=False, timeout=40) as client,
        asyncio.TaskGroup() as tasks,
        serve(telegram) as url,
    ):
        poll = f"{url}/bot{TOKEN}/getUpdates?timeout=50"
        waiting = tasks.create_task(client.get(poll))
        await telegram.until(lambda: telegram.calls)

    assert waiting.result().json() == {"ok": True, "result": []}


async def test_a_person_is_played_over_http(api, telegram):
    async def control(method, path, **body):
        answer = await api.client.request(method, f"/_sandbox/{path}", json=body)
        return answer.status_code, answer.json()

    await control("POST", "people", id=7, first_name="Olim", username="olim")
    await control("POST", "people", id=7)
    await control("POST", "groups", id=-5, title="Staff", members=[7])
    _, said = await control("POST", "says", person=7, text="/start pay")
    await control("POST", "says", person=7, text="hi", chat=-5)
    await control("POST", "sends", person=7, kind="voice", caption="eshiting")
    await control("POST", "edits", person=7, message=said["message_id"], text="/start")
    await api("sendMessage", chat_id=7, text="Pay?", reply_markup=PAY)
    _, tapped = await control("POST", "taps", person=7, button="Pay")
    await control("POST", "updates", message={"text": "poison"})
    await control("POST", "faults", operation="getMe", kind="server-error", times=None)
    broken = await api("getMe")
    _, faults = await control("GET", "faults")
    await control("DELETE", "faults")
    await control("POST", "deletes", person=7, message=said["message_id"])
    _, chat = await control("GET", "chat/7")
    _, calls = await control("GET", "calls")
    await control("POST", "blocks", person=7)
    await control("POST", "unblocks", person=7)

    assert telegram.people[7].first_name == "Olim"
    assert tapped["result"] in telegram.queries
    assert [message["text"] for message in chat["messages"]] == ["eshiting", "Pay?"]
    assert chat["messages"][1]["buttons"] == [["Pay"]]
    kinds = [event["kind"] for event in chat["history"]]
    assert kinds == ["sent", "sent", "edited", "sent", "deleted"]
    assert telegram.chats[-5].texts == ["hi"]
    assert broken["error_code"] == 500
    assert faults["injected"] == {"getMe server-error": 1}
    assert [(call["method"], call["status"]) for call in calls] == [
        ("sendMessage", 200),
        ("getMe", 500),
    ]
    status, refused = await control("POST", "taps", person=7, button="Back")
    assert (status, "no button 'Back'" in refused["error"]) == (400, True)
