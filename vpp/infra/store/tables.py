"""The tables as the newest revision leaves them; a test holds them against the migrations."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

LEDGER = MetaData()

fact = Table(
    "fact",
    LEDGER,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("event_id", Text),
    Column("payload", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)

ARCHIVE = MetaData()

meter = Table(
    "meter",
    ARCHIVE,
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
)

reading = Table(
    "reading",
    ARCHIVE,
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("meter", Integer, primary_key=True, autoincrement=False),
    Column("power_kw", Float(53), nullable=False),
    Column("register_wh", BigInteger, nullable=False),
    Column("quality", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)

BOUNDARY = text("at % 900 = 0 AND quality = 0")
"""Good registers on a 15-minute boundary: all that interval energy is made from."""

boundary_register = Index(
    "boundary_register",
    reading.c.meter,
    reading.c.at,
    reading.c.register_wh,
    reading.c.quality,
    sqlite_where=BOUNDARY,
    postgresql_where=BOUNDARY,
)

reading_conflict = Table(
    "reading_conflict",
    ARCHIVE,
    Column("meter", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("power_kw", Float(53), primary_key=True),
    Column("register_wh", BigInteger, primary_key=True, autoincrement=False),
    Column("quality", SmallInteger, primary_key=True, autoincrement=False),
    Column("times", Integer, nullable=False),
)

interval_day = Table(
    "interval_day",
    ARCHIVE,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("meter", Integer, primary_key=True, autoincrement=False),
    Column("energy_wh", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

ACCESS = MetaData()

account = Table(
    "account",
    ACCESS,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("participant_id", Text),
    Column("password_hash", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("password_changed_us", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False),
)

session = Table(
    "session",
    ACCESS,
    Column("token_digest", Text, primary_key=True),
    Column("user_name", Text, ForeignKey("account.name"), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("seen_us", BigInteger, nullable=False),
    Column("ends_us", BigInteger, nullable=False),
)

session_user = Index("session_user", session.c.user_name)

api_key = Table(
    "api_key",
    ACCESS,
    Column("key_id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("participant_id", Text),
    Column("created_by", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("ends_us", BigInteger),
    Column("revoked_us", BigInteger),
)

idempotency = Table(
    "idempotency",
    ACCESS,
    Column("principal", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("status", SmallInteger),
    Column("headers", Text),
    Column("body", LargeBinary),
)
"""A row without a status is a request that is still being answered."""

idempotency_at = Index("idempotency_at", idempotency.c.at_us)
