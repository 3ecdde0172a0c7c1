"""What the bot may ask of Telegram about itself: its name, its commands, its updates."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from sandbox.telegram.answer import Refusal, bad_request
from sandbox.telegram.queue import Webhook

if TYPE_CHECKING:
    from sandbox.telegram import Telegram

Params = dict[str, Any]
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
MOST_UPDATES = 100
HOOKED = (
    "Conflict: can't use getUpdates method while webhook is active; "
    "use deleteWebhook to delete the webhook first"
)


def get_me(telegram: Telegram, _params: Params) -> dict[str, Any]:
    abilities = ("can_read_all_group_messages", "supports_inline_queries", "has_main_web_app")
    return {**telegram.bot.json(), "can_join_groups": True, **dict.fromkeys(abilities, False)}


def set_my_commands(telegram: Telegram, params: Params) -> bool:
    telegram.commands[_audience(params)] = params.get("commands") or []
    return True


def get_my_commands(telegram: Telegram, params: Params) -> list[dict[str, str]]:
    return telegram.commands.get(_audience(params), [])


async def get_updates(telegram: Telegram, params: Params) -> list[dict[str, Any]]:
    if telegram.webhook:
        raise Refusal(409, HOOKED)
    _allow(telegram, params)
    limit = min(max(int(params.get("limit") or MOST_UPDATES), 1), MOST_UPDATES)
    return await telegram.updates.poll(
        int(params.get("offset") or 0), limit, float(params.get("timeout") or 0)
    )


def set_webhook(telegram: Telegram, params: Params) -> bool:
    """Send updates to an address; plain HTTP will do, as with a server run with --local."""
    url, secret = str(params.get("url") or ""), params.get("secret_token")
    if not url:
        return delete_webhook(telegram, params)
    if not url.startswith(("https://", "http://")):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if secret and not SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    _allow(telegram, params)
    _drop(telegram, params)
    telegram.updates.interrupt("Conflict: terminated by setWebhook request")
    telegram.webhook = Webhook(url, secret, int(params.get("max_connections") or 40))
    for pending in telegram.updates:
        if telegram.updates.sink:
            telegram.updates.sink(pending)
    return True


def delete_webhook(telegram: Telegram, params: Params) -> bool:
    telegram.webhook = None
    _drop(telegram, params)
    return True


def get_webhook_info(telegram: Telegram, _params: Params) -> dict[str, Any]:
    hook = telegram.webhook or Webhook("")
    optional = {
        "last_error_date": hook.last_error_date,
        "last_error_message": hook.last_error_message,
        "max_connections": hook.max_connections if hook.url else None,
        "allowed_updates": sorted(telegram.updates.allowed or ()) or None,
    }
    return {
        "url": hook.url,
        "has_custom_certificate": False,
        "pending_update_count": sum(1 for _ in telegram.updates),
        **{key: value for key, value in optional.items() if value is not None},
    }


def _audience(params: Params) -> tuple[str, str]:
    scope = params.get("scope") or {"type": "default"}
    return json.dumps(scope, sort_keys=True), str(params.get("language_code") or "")


def _allow(telegram: Telegram, params: Params) -> None:
    """Remember what the bot wants to hear of; not given means no change, none means usual."""
    if "allowed_updates" in params:
        kinds = params["allowed_updates"]
        telegram.updates.allowed = frozenset(kinds) if kinds else None


def _drop(telegram: Telegram, params: Params) -> None:
    if params.get("drop_pending_updates"):
        telegram.updates.clear()
