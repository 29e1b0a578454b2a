"""Meters, readings, conflicting readings, and imported days."""

import sqlalchemy as sa
from alembic import op

revision = "archive_0001"
down_revision = None


def upgrade() -> None:
    """Creates the four tables and the index over boundary registers."""
    op.create_table(
        "meter",
        sa.Column("key", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "reading",
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("meter", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("power_kw", sa.Float(53), nullable=False),
        sa.Column("register_wh", sa.BigInteger, nullable=False),
        sa.Column("quality", sa.SmallInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    boundary = sa.text("at % 900 = 0 AND quality = 0")
    op.create_index(
        "boundary_register",
        "reading",
        ["meter", "at", "register_wh", "quality"],
        sqlite_where=boundary,
        postgresql_where=boundary,
    )
    op.create_table(
        "reading_conflict",
        sa.Column("meter", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("power_kw", sa.Float(53), primary_key=True),
        sa.Column("register_wh", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("quality", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("times", sa.Integer, nullable=False),
    )
    op.create_table(
        "interval_day",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("meter", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("energy_wh", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
