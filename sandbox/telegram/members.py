"""What the bot may ask of Telegram about chats and the people in them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sandbox.telegram.answer import bad_request
from sandbox.telegram.group import Group, Link
from sandbox.telegram.methods import Params, chat_of, whole

if TYPE_CHECKING:
    from sandbox.telegram import Telegram
    from sandbox.telegram.person import Person

FULL = {
    "accent_color_id": 0,
    "max_reaction_count": 11,
    "accepted_gift_types": {
        "unlimited_gifts": False,
        "limited_gifts": False,
        "unique_gifts": False,
        "premium_subscription": False,
        "gifts_from_channels": False,
    },
}


def get_chat(telegram: Telegram, params: Params) -> dict[str, Any]:
    return chat_of(telegram, params).json() | FULL


def get_chat_member(telegram: Telegram, params: Params) -> dict[str, Any]:
    chat = chat_of(telegram, params)
    itself = whole(params, "user_id") == telegram.bot.id
    user = telegram.bot if itself else _user(telegram, params)
    if isinstance(chat, Group):
        return chat.member(user)
    return {"status": "member", "user": user.json()}


def get_chat_administrators(telegram: Telegram, params: Params) -> list[dict[str, Any]]:
    chat = chat_of(telegram, params)
    if not isinstance(chat, Group):
        raise bad_request("there are no administrators in the private chat")
    rulers = list(chat.admins.values())
    if chat.bot_status == "administrator":
        rulers.append(telegram.bot)
    return [chat.member(user) for user in rulers]


def leave_chat(telegram: Telegram, params: Params) -> bool:
    _group(telegram, params).bot_leaves("left")
    return True


def create_chat_invite_link(telegram: Telegram, params: Params) -> dict[str, Any]:
    group = _group_to_invite(telegram, params)
    by_request = bool(params.get("creates_join_request"))
    if by_request and params.get("member_limit"):
        raise bad_request(
            "member limit can't be specified for links requiring administrator approval"
        )
    link = Link(
        group=group,
        url=f"https://t.me/+{secrets.token_urlsafe(12)}",
        creator=telegram.bot,
        by_request=by_request,
        name=params.get("name"),
        expire_date=params.get("expire_date"),
        member_limit=params.get("member_limit"),
    )
    telegram.links[link.url] = link
    return link.json()


def revoke_chat_invite_link(telegram: Telegram, params: Params) -> dict[str, Any]:
    group = _group_to_invite(telegram, params)
    link = telegram.links.get(str(params.get("invite_link")))
    if link is None or link.group is not group:
        raise bad_request("INVITE_HASH_EXPIRED")
    link.revoked = True
    return link.json()


def approve_chat_join_request(telegram: Telegram, params: Params) -> bool:
    group, person = _asked_to_join(telegram, params)
    group.admit(person, group.requests[person.id])
    return True


def decline_chat_join_request(telegram: Telegram, params: Params) -> bool:
    group, person = _asked_to_join(telegram, params)
    del group.requests[person.id]
    return True


def ban_chat_member(telegram: Telegram, params: Params) -> bool:
    _group_to_restrict(telegram, params).expel(_user(telegram, params), ban=True)
    return True


def unban_chat_member(telegram: Telegram, params: Params) -> bool:
    """Lift a ban. A member who is not banned is thrown out, unless `only_if_banned`."""
    group, person = _group_to_restrict(telegram, params), _user(telegram, params)
    if person.id in group.banned:
        group.banned.discard(person.id)
    elif not params.get("only_if_banned"):
        group.expel(person, ban=False)
    return True


def _group(telegram: Telegram, params: Params) -> Group:
    chat = chat_of(telegram, params)
    if not isinstance(chat, Group):
        raise bad_request("chat member status can't be changed in private chats")
    return chat


def _group_to_invite(telegram: Telegram, params: Params) -> Group:
    group = _group(telegram, params)
    group.need("can_invite_users", bad_request("not enough rights to manage chat invite link"))
    return group


def _group_to_restrict(telegram: Telegram, params: Params) -> Group:
    group = _group(telegram, params)
    refusal = bad_request("not enough rights to restrict/unrestrict chat member")
    group.need("can_restrict_members", refusal)
    if _user(telegram, params).id in group.admins:
        raise bad_request("user is an administrator of the chat")
    return group


def _user(telegram: Telegram, params: Params) -> Person:
    person = telegram.people.get(whole(params, "user_id"))
    if person is None:
        raise bad_request("user not found")
    return person


def _asked_to_join(telegram: Telegram, params: Params) -> tuple[Group, Person]:
    group, person = _group_to_invite(telegram, params), _user(telegram, params)
    if person.id in group.members:
        raise bad_request("USER_ALREADY_PARTICIPANT")
    if person.id not in group.requests:
        raise bad_request("HIDE_REQUESTER_MISSING")
    return group, person
