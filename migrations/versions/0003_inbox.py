"""Which updates were taken in, instead of which chats are being answered."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    unanswered = sa.text("answered_at IS NULL")
    op.create_index(
        "unanswered",
        "inbox",
        ["chat_id"],
        unique=False,
        sqlite_where=unanswered,
        postgresql_where=unanswered,
    )
    op.drop_column("chats", "answering")


def downgrade() -> None:
    op.add_column(
        "chats",
        sa.Column("answering", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.drop_index("unanswered", table_name="inbox")
    op.drop_table("inbox")
