"""Every table."""

from datetime import UTC, datetime

import sqlalchemy as sa

from bot.payment import OPEN


class Moment(sa.TypeDecorator[datetime]):
    """A moment in UTC. SQLite has no zones, so there it is kept without one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.replace(tzinfo=UTC)


Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
metadata = sa.MetaData()

intents = sa.Table(
    "intents",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("student_id", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("username", sa.Text),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("offer", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("transaction_id", sa.BigInteger),
    sa.Column("success_trans_id", sa.BigInteger),
    sa.Column("card", sa.Text),
    sa.Column("tries_left", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("receipt", sa.Text),
    sa.Column("note_id", sa.BigInteger),
    sa.Column("prompt_id", sa.BigInteger),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("captured_at", Moment),
    sa.Column("reversed_by", sa.Text),
    sa.Column("reverse_accepted", sa.Boolean, server_default=sa.false(), nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("resend_at", Moment),
    sa.Column("code_expires_at", Moment),
    sa.Column("acts_until", Moment),
    sa.Column("check_at", Moment),
    sa.Column("checks", sa.Integer, nullable=False),
)
IS_OPEN = intents.c.status.in_(sorted(OPEN))
sa.Index(
    "one_open_intent",
    intents.c.student_id,
    intents.c.offer,
    unique=True,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)
sa.Index("by_status", intents.c.status)
sa.Index("by_student", intents.c.student_id)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("intent_id", sa.ForeignKey("intents.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("success_trans_id", sa.BigInteger, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.UniqueConstraint("intent_id", "kind", name="one_fact_of_a_kind"),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("key", sa.Text, unique=True),
    sa.Column("chat_id", sa.BigInteger, nullable=False),
    sa.Column("topic_id", sa.BigInteger),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("message_id", sa.BigInteger),
    sa.Column("words", sa.JSON, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("sent_at", Moment),
    sa.Column("dead_at", Moment),
    sa.Column("error", sa.Text),
)
WAITS = sa.and_(outbox.c.sent_at.is_(None), outbox.c.dead_at.is_(None))
sa.Index(
    "waiting",
    outbox.c.due_at,
    sqlite_where=sa.text("sent_at IS NULL AND dead_at IS NULL"),
    postgresql_where=sa.text("sent_at IS NULL AND dead_at IS NULL"),
)

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),  # update_id
    sa.Column("chat_id", sa.BigInteger),
    sa.Column("taken_at", Moment, nullable=False),
    sa.Column("answered_at", Moment),
)
sa.Index(
    "unanswered",
    inbox.c.chat_id,
    sqlite_where=inbox.c.answered_at.is_(None),
    postgresql_where=inbox.c.answered_at.is_(None),
)

chats = sa.Table(
    "chats",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("language", sa.Text),
)

dialogues = sa.Table(
    "dialogues",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("state", sa.Text),
    sa.Column("data", sa.JSON, nullable=False),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("student_id", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
)
sa.Index("attempts_of_student", attempts.c.student_id, attempts.c.kind, attempts.c.at)
