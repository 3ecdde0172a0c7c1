"""A group: its members, the bot's rights in it, and its invite links."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.telegram.answer import Refusal, bad_request, forbidden
from sandbox.telegram.chat import Chat
from sandbox.telegram.message import User

if TYPE_CHECKING:
    from sandbox.telegram.person import Person

SUPERGROUPS = -1_000_000_000_000
RIGHTS = (
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_send_welcome_messages",
)


@dataclass(slots=True, eq=False)
class Link:
    """An invitation; with `by_request` an administrator has to let people in."""

    group: Group = field(repr=False)
    url: str
    creator: User
    by_request: bool = False
    name: str | None = None
    expire_date: int | None = None
    member_limit: int | None = None
    revoked: bool = False
    used: int = 0

    def json(self) -> dict[str, Any]:
        optional = {
            "name": self.name,
            "expire_date": self.expire_date,
            "member_limit": self.member_limit,
        }
        return {
            "invite_link": self.url,
            "creator": self.creator.json(),
            "creates_join_request": self.by_request,
            "is_primary": False,
            "is_revoked": self.revoked,
            **{key: value for key, value in optional.items() if value is not None},
        }

    def open(self, now: float) -> bool:
        full = self.member_limit is not None and self.used >= self.member_limit
        over = self.expire_date is not None and self.expire_date <= now
        return not (self.revoked or full or over)


@dataclass(eq=False)
class Group(Chat):
    """A group or, by its id, a supergroup; a forum if it has topics."""

    title: str = ""
    members: dict[int, User] = field(default_factory=dict, repr=False)
    admins: dict[int, User] = field(default_factory=dict, repr=False)
    bot_rights: dict[str, bool] = field(default_factory=dict)
    bot_status: str = "member"  # or administrator, left, kicked
    topics: set[int] = field(default_factory=set)
    banned: set[int] = field(default_factory=set)
    requests: dict[int, Link] = field(default_factory=dict, repr=False)
    migrated_to: int | None = None

    def json(self) -> dict[str, Any]:
        forum = {"is_forum": True} if self.topics else {}
        return {"id": self.id, "type": self.type, "title": self.title, **forum}

    @property
    def has_bot(self) -> bool:
        return self.bot_status in ("member", "administrator")

    def check_bot(self) -> None:
        """Refuse if the bot is not here, or if the group is elsewhere by now."""
        if self.migrated_to:
            raise bad_request(
                "group chat was upgraded to a supergroup chat", migrate_to_chat_id=self.migrated_to
            )
        if self.bot_status == "kicked":
            raise forbidden(f"bot was kicked from the {self.type} chat")
        if self.bot_status == "left":
            raise forbidden(f"bot is not a member of the {self.type} chat")

    def need(self, right: str, otherwise: Refusal) -> None:
        if not self.bot_rights.get(right):
            raise otherwise

    def member(self, user: User) -> dict[str, Any]:
        """Describe what a user is to this group, as a ChatMember."""
        status = self._status(user)
        about: dict[str, Any] = {"status": status, "user": user.json()}
        if status == "creator":
            about["is_anonymous"] = False
        if status == "kicked":
            about["until_date"] = 0
        if status == "administrator":
            about |= {"can_be_edited": False, "is_anonymous": False}
            about |= {right: not user.is_bot or self._may(right) for right in RIGHTS}
        return about

    def upgrade(self) -> int:
        """Turn it into a supergroup under a new id, as Telegram does when settings change."""
        new = self.telegram.group(
            SUPERGROUPS + self.id,
            self.title,
            members=list(self.members.values()),
            admins=list(self.admins.values()),
            bot_rights=self.bot_rights or None,
        )
        who = next(iter(self.admins.values()), self.telegram.bot)
        self.telegram.tell(self.write(who, {"migrate_to_chat_id": new.id}))
        self.telegram.tell(new.write(who, {"migrate_from_chat_id": self.id}))
        self.migrated_to = new.id
        return new.id

    def kicks_bot(self) -> None:
        self.bot_leaves("kicked")

    def bot_leaves(self, status: str) -> None:
        bot = self.telegram.bot
        before = self.member(bot)
        self.bot_status, self.bot_rights = status, {}
        self.telegram.membership(self, bot, before, self.member(bot))

    def admit(self, person: Person, link: Link | None = None) -> None:
        """Let a person in, and tell the bot so."""
        before = self.member(person)
        self.members[person.id] = person
        self.requests.pop(person.id, None)
        if link:
            link.used += 1
        self.telegram.membership(self, person, before, self.member(person), link)
        self.telegram.tell(self.write(person, {"new_chat_members": [person.json()]}))

    def expel(self, user: User, *, ban: bool) -> None:
        before = self.member(user)
        self.members.pop(user.id, None)
        self.admins.pop(user.id, None)
        if ban:
            self.banned.add(user.id)
        self.telegram.membership(self, self.telegram.bot, before, self.member(user))

    def _status(self, user: User) -> str:
        if user.is_bot:
            return self.bot_status
        if user.id in self.banned:
            return "kicked"
        if user.id in self.admins:
            return "creator" if user.id == next(iter(self.admins)) else "administrator"
        return "member" if user.id in self.members else "left"

    def _may(self, right: str) -> bool:
        return right == "can_manage_chat" or self.bot_rights.get(right, False)
