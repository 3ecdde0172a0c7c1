"""Who reversed a payment, and which chats were being answered when the process was killed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("intents", sa.Column("reversed_by", sa.Text(), nullable=True))
    op.add_column(
        "chats",
        sa.Column("answering", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_index("by_student", "intents", ["student_id"], unique=False)


def downgrade() -> None:
    op.drop_index("by_student", table_name="intents")
    op.drop_column("chats", "answering")
    op.drop_column("intents", "reversed_by")
