"""The append-only table of facts."""

import sqlalchemy as sa
from alembic import op

revision = "ledger_0001"
down_revision = None

_REFUSE_SQLITE = """
CREATE TRIGGER fact_no_{verb} BEFORE {verb} ON fact
BEGIN SELECT RAISE(ABORT, 'facts are append-only: {verb} refused'); END
"""
_REFUSE_POSTGRESQL = """
CREATE FUNCTION refuse_fact_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'facts are append-only: % refused', TG_OP; END $$;
CREATE TRIGGER fact_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON fact EXECUTE FUNCTION refuse_fact_change()
"""


def upgrade() -> None:
    """Creates the table and the triggers that refuse every change to a written fact."""
    op.create_table(
        "fact",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(_REFUSE_SQLITE.format(verb=verb))
    else:
        op.execute(_REFUSE_POSTGRESQL)
