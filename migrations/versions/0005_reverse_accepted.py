"""That ATMOS said yes to a reversal, in a column of its own instead of the reason."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

intents = sa.table("intents", sa.column("reason", sa.Text), sa.column("reverse_accepted"))


def upgrade() -> None:
    op.add_column(
        "intents",
        sa.Column("reverse_accepted", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    accepted = intents.c.reason == "reverse_accepted"
    op.execute(intents.update().where(accepted).values(reverse_accepted=sa.true(), reason=None))


def downgrade() -> None:
    accepted = intents.c.reverse_accepted.is_(sa.true())
    op.execute(intents.update().where(accepted).values(reason="reverse_accepted"))
    op.drop_column("intents", "reverse_accepted")
