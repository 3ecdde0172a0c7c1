"""What the bot may ask of Telegram about messages, and Telegram's rules for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.telegram.answer import bad_request, forbidden
from sandbox.telegram.chat import Chat
from sandbox.telegram.group import Group
from sandbox.telegram.html import parse
from sandbox.telegram.message import Message

if TYPE_CHECKING:
    from sandbox.telegram import Telegram

Params = dict[str, Any]
LONGEST_TEXT = 4096
LONGEST_DATA = 64
MOST_DELETED = 100
MAY_DELETE = 2 * 24 * 3600.0
MAY_ANSWER = 15 * 60.0
ACTIONS = ("url", "web_app", "login_url", "pay", "copy_text", "switch_inline_query")
DOES = frozenset({"typing", "upload_photo", "upload_document", "choose_sticker", "find_location"})
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the "
    "same as a current content and reply markup of the message"
)
TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


def whole(params: Params, name: str) -> int:
    try:
        return int(params[name])
    except (KeyError, TypeError, ValueError):
        raise bad_request(f"{name} is not specified") from None


def chat_of(telegram: Telegram, params: Params) -> Chat:
    """Find the chat, unless the bot has no business in it."""
    if not params.get("chat_id"):
        raise bad_request("chat_id is empty")
    chat_id = whole(params, "chat_id")
    chat = telegram.chats.get(chat_id)
    if chat is None and chat_id in telegram.people:
        chat = telegram.private(chat_id)
    if chat is None:
        raise bad_request("chat not found")
    if isinstance(chat, Group):
        chat.check_bot()
    elif telegram.people[chat_id].deactivated:
        raise forbidden("user is deactivated")
    return chat


def chat_to_write(telegram: Telegram, params: Params) -> Chat:
    chat = chat_of(telegram, params)
    if isinstance(chat, Group):
        thread = params.get("message_thread_id")
        if thread and int(thread) not in chat.topics:
            raise bad_request("message thread not found")
        return chat
    person = telegram.people[chat.id]
    if not person.started:
        raise forbidden("bot can't initiate conversation with a user")
    if person.blocked:
        raise forbidden("bot was blocked by the user")
    if params.get("message_thread_id"):
        raise bad_request("message thread not found")
    return chat


def send_message(telegram: Telegram, params: Params) -> dict[str, Any]:
    chat = chat_to_write(telegram, params)
    content = _content(params)
    if thread := params.get("message_thread_id"):
        content |= {"message_thread_id": int(thread), "is_topic_message": True}
    message = chat.write(
        telegram.bot,
        content,
        html=str(params["text"]),
        markup=_markup(params),
        reply_to=_replied(chat, params),
    )
    return message.json()


def edit_message_text(telegram: Telegram, params: Params) -> dict[str, Any]:
    message = _own(telegram, params)
    kept = ("message_thread_id", "is_topic_message")
    content = {key: message.content[key] for key in kept if key in message.content}
    return _edited(message, content | _content(params), str(params["text"]), _markup(params))


def edit_message_reply_markup(telegram: Telegram, params: Params) -> dict[str, Any]:
    message = _own(telegram, params)
    return _edited(message, message.content, message.html, _markup(params))


def delete_message(telegram: Telegram, params: Params) -> bool:
    chat = chat_of(telegram, params)
    message = chat.visible.get(whole(params, "message_id"))
    if message is None:
        raise bad_request("message to delete not found")
    if isinstance(chat, Group) and not message.from_bot:
        chat.need("can_delete_messages", bad_request("message can't be deleted"))
    if _too_old(telegram, message):
        raise bad_request("message can't be deleted for everyone")
    chat.erase(message, telegram.bot)
    return True


def delete_messages(telegram: Telegram, params: Params) -> bool:
    """Delete what can be; the answer is True whatever was found."""
    chat = chat_of(telegram, params)
    ids = params.get("message_ids") or []
    if not ids:
        raise bad_request("message identifiers are not specified")
    if len(ids) > MOST_DELETED:
        raise bad_request("too many message identifiers specified")
    powerless = isinstance(chat, Group) and not chat.bot_rights.get("can_delete_messages")
    for message in [chat.visible.get(int(number)) for number in ids]:
        if message is None or _too_old(telegram, message) or message.deleted:
            continue
        if message.from_bot or not powerless:
            chat.erase(message, telegram.bot)
    return True


def answer_callback_query(telegram: Telegram, params: Params) -> bool:
    query = telegram.queries.get(str(params.get("callback_query_id")))
    if query is None or query.answered or telegram.now() - query.at > MAY_ANSWER:
        raise bad_request(TOO_OLD)
    query.answered = True
    query.text, query.alert = str(params.get("text", "")), bool(params.get("show_alert"))
    if query.text:
        query.person.toasts.append(query.text)
    return True


def send_chat_action(telegram: Telegram, params: Params) -> bool:
    chat_to_write(telegram, params)
    if params.get("action") not in DOES:
        raise bad_request("wrong parameter action in request")
    return True


def _content(params: Params) -> dict[str, Any]:
    text, entities = _read(params)
    if not text.strip():
        raise bad_request("message text is empty")
    if len(text) > LONGEST_TEXT:
        raise bad_request("message is too long")
    return {"text": text, "entities": entities} if entities else {"text": text}


def _read(params: Params) -> tuple[str, list[dict[str, Any]]]:
    text = str(params.get("text", ""))
    mode = str(params.get("parse_mode") or "")
    if mode.lower() == "html":
        return parse(text)
    if mode:
        # Telegram knows two kinds of Markdown as well; nobody here should send them.
        raise bad_request("unsupported parse_mode")
    return text, params.get("entities") or []


def _markup(params: Params) -> dict[str, Any] | None:
    markup: dict[str, Any] | None = params.get("reply_markup") or None
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    for row in markup.get("inline_keyboard", []):
        for button in row:
            _check_button(button)
    return None if markup == {"inline_keyboard": []} else markup


def _check_button(button: dict[str, Any]) -> None:
    if not button.get("text"):
        raise bad_request('can\'t parse inline keyboard button: Field "text" must be non-empty')
    if "callback_data" in button:
        if not 1 <= len(str(button["callback_data"]).encode()) <= LONGEST_DATA:
            raise bad_request("BUTTON_DATA_INVALID")
    elif not any(action in button for action in ACTIONS):
        raise bad_request(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )


def _replied(chat: Chat, params: Params) -> Message | None:
    asked = params.get("reply_parameters") or {}
    number = asked.get("message_id") or params.get("reply_to_message_id")
    if not number:
        return None
    message = chat.visible.get(int(number))
    if message is None and not asked.get("allow_sending_without_reply"):
        raise bad_request("message to be replied not found")
    return message


def _own(telegram: Telegram, params: Params) -> Message:
    message = chat_of(telegram, params).visible.get(whole(params, "message_id"))
    if message is None:
        raise bad_request("message to edit not found")
    if not message.from_bot:
        raise bad_request("message can't be edited")
    return message


def _edited(
    message: Message, content: dict[str, Any], html: str, markup: dict[str, Any] | None
) -> dict[str, Any]:
    if (content, markup) == (message.content, message.markup):
        raise bad_request(NOT_MODIFIED)
    message.chat.rewrite(message, content, html=html, markup=markup)
    return message.json()


def _too_old(telegram: Telegram, message: Message) -> bool:
    return telegram.now() - message.date > MAY_DELETE
