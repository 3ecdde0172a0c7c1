"""Answer one call of the bot: by the rules, or as a fault has it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.faults import Dropped, Fault, Kind, Refused
from sandbox.telegram import members, settings
from sandbox.telegram import methods as messages
from sandbox.telegram.answer import Answer, Refusal

if TYPE_CHECKING:
    from sandbox.telegram import Telegram

METHODS: dict[str, Callable[[Telegram, dict[str, Any]], Any]] = {
    "getMe": settings.get_me,
    "getUpdates": settings.get_updates,
    "setWebhook": settings.set_webhook,
    "deleteWebhook": settings.delete_webhook,
    "getWebhookInfo": settings.get_webhook_info,
    "setMyCommands": settings.set_my_commands,
    "getMyCommands": settings.get_my_commands,
    "sendMessage": messages.send_message,
    "editMessageText": messages.edit_message_text,
    "editMessageReplyMarkup": messages.edit_message_reply_markup,
    "deleteMessage": messages.delete_message,
    "deleteMessages": messages.delete_messages,
    "answerCallbackQuery": messages.answer_callback_query,
    "sendChatAction": messages.send_chat_action,
    "getChat": members.get_chat,
    "getChatMember": members.get_chat_member,
    "getChatAdministrators": members.get_chat_administrators,
    "leaveChat": members.leave_chat,
    "createChatInviteLink": members.create_chat_invite_link,
    "revokeChatInviteLink": members.revoke_chat_invite_link,
    "approveChatJoinRequest": members.approve_chat_join_request,
    "declineChatJoinRequest": members.decline_chat_join_request,
    "banChatMember": members.ban_chat_member,
    "unbanChatMember": members.unban_chat_member,
}
HARMLESS = frozenset({Kind.refuse, Kind.unauthorized, Kind.too_many})  # nothing is done
BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass(slots=True)
class Call:
    """One call of the bot; `status` stays None while it runs or if the connection was cut."""

    method: str
    params: dict[str, Any]
    at: float
    status: int | None = None


async def perform(telegram: Telegram, token: str, call: Call) -> Answer:
    """Answer, with whatever is waiting to go wrong with such a call."""
    fault = telegram.faults.take(call.method) if telegram.faults.waiting else None
    if fault is None:
        return await _obey(telegram, token, call)
    if fault.kind is Kind.slow:
        answer = await _obey(telegram, token, call)
        await asyncio.sleep(fault.seconds)
        return answer
    if fault.acts and fault.kind not in HARMLESS:
        await _obey(telegram, token, call)
    return _broken(fault)


async def _obey(telegram: Telegram, token: str, call: Call) -> Answer:
    try:
        result = _act(telegram, token, call)
        if asyncio.iscoroutine(result):
            result = await result
    except Refusal as refusal:
        return refusal.answer()
    return Answer(200, {"ok": True, "result": result})


def _act(telegram: Telegram, token: str, call: Call) -> Any:
    if token != telegram.token:
        raise Refusal(401, "Unauthorized")
    if call.method not in METHODS:
        raise Refusal(404, "Not Found")
    if telegram.limits and call.params.get("chat_id"):
        telegram.limits.spend(call.method, messages.whole(call.params, "chat_id"))
    return METHODS[call.method](telegram, call.params)


def _broken(fault: Fault) -> Answer:
    match fault.kind:
        case Kind.refuse:
            raise Refused
        case Kind.drop:
            raise Dropped
        case Kind.unauthorized:
            return Refusal(401, "Unauthorized").answer()
        case Kind.too_many:
            wait = max(1, math.ceil(fault.seconds))  # whole seconds, as Telegram counts
            return Refusal(
                429, f"Too Many Requests: retry after {wait}", retry_after=wait
            ).answer()
        case Kind.bad_gateway:
            return Answer(502, {}, BAD_GATEWAY)
        case Kind.garbage:
            return Answer(200, {}, '{"ok":true,"result":{"mess')
        case _:
            return Refusal(500, "Internal Server Error").answer()
