"""Users, sessions and API keys in a SQL database; no secret is in it but as a hash."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from vpp.domain.access import ApiKeyRecord, Role, SessionRecord, User
from vpp.domain.errors import ConflictError, UnknownThingError
from vpp.infra.store.access_idempotency import SqlIdempotencyStore, from_us, to_us
from vpp.infra.store.engines import Durability, open_engine, store_errors
from vpp.infra.store.migrate import upgrade
from vpp.infra.store.tables import account, api_key, session
from vpp.infra.workers import InlineWorkers
from vpp.ports import Workers


class SqlAccountStore:
    """Implements ``AccountStore``."""

    def __init__(self, engine: Engine, workers: Workers) -> None:
        """Accounts on a database whose schema is up to date; see ``open_access``."""
        self._engine = engine
        self._workers = workers

    async def users(self) -> list[User]:
        """All users, by name."""
        return [_user(row) for row in await self._rows("reading the users", select(account).order_by(account.c.name))]

    async def user(self, name: str) -> User | None:
        """One user."""
        rows = await self._rows("reading a user", select(account).where(account.c.name == name))
        return _user(rows[0]) if rows else None

    async def add_users(self, users: Sequence[User], *, only_if_none: bool = False) -> bool:
        """Adds all of them or none."""
        return await self._workers.run(self._add_users, users, only_if_none=only_if_none)

    async def replace_user(self, user: User) -> None:
        """Replaces the user of that name."""
        change = update(account).where(account.c.name == user.name).values(_user_row(user))
        if not await self._change("changing a user", change):
            raise UnknownThingError("user", user.name)

    async def add_session(self, record: SessionRecord) -> None:
        """Keeps a new session."""
        row = {
            "token_digest": record.token_digest,
            "user_name": record.user_name,
            "created_us": to_us(record.created_at),
            "seen_us": to_us(record.seen_at),
            "ends_us": to_us(record.ends_at),
        }
        await self._change("opening a session", insert(session).values(row))

    async def session(self, token_digest: str) -> tuple[SessionRecord, User] | None:
        """A session with its user."""
        query = (
            select(session, account)
            .join(account, session.c.user_name == account.c.name)
            .where(session.c.token_digest == token_digest)
        )
        rows = await self._rows("reading a session", query)
        if not rows:
            return None
        digest, name, created_us, seen_us, ends_us, *user = list(rows[0])
        return SessionRecord(digest, name, from_us(created_us), from_us(seen_us), from_us(ends_us)), _user(user)

    async def touch_session(self, token_digest: str, seen_at: datetime) -> None:
        """Notes its last use."""
        change = update(session).where(session.c.token_digest == token_digest).values(seen_us=to_us(seen_at))
        await self._change("noting a session's use", change)

    async def drop_session(self, token_digest: str) -> None:
        """Ends it."""
        await self._change("ending a session", delete(session).where(session.c.token_digest == token_digest))

    async def drop_sessions_of(self, user_name: str, *, keep: str | None = None) -> None:
        """Ends all sessions of a user, save one."""
        change = delete(session).where(session.c.user_name == user_name, session.c.token_digest != (keep or ""))
        await self._change("ending a user's sessions", change)

    async def drop_sessions_before(self, seen_at: datetime, ends_at: datetime) -> None:
        """Forgets what is over."""
        over = or_(session.c.seen_us < to_us(seen_at), session.c.ends_us <= to_us(ends_at))
        await self._change("forgetting sessions", delete(session).where(over))

    async def add_api_key(self, key: ApiKeyRecord) -> None:
        """Keeps a new key."""
        await self._workers.run(self._add_api_key, key)

    async def api_key(self, key_id: str) -> ApiKeyRecord | None:
        """One key, valid or not."""
        rows = await self._rows("reading an API key", select(api_key).where(api_key.c.key_id == key_id))
        return _key(rows[0]) if rows else None

    async def api_keys(self) -> list[ApiKeyRecord]:
        """All keys, oldest first."""
        query = select(api_key).order_by(api_key.c.created_us, api_key.c.key_id)
        return [_key(row) for row in await self._rows("reading the API keys", query)]

    async def revoke_api_keys(self, at: datetime, *, key_id: str | None = None, created_by: str | None = None) -> int:
        """Revokes the valid keys that have this id or this maker."""
        meant = or_(api_key.c.key_id == key_id, api_key.c.created_by == created_by)
        change = update(api_key).where(api_key.c.revoked_us.is_(None), meant).values(revoked_us=to_us(at))
        return await self._change("revoking API keys", change)

    async def _rows(self, doing: str, query: Any) -> Sequence[Row[Any]]:  # noqa: ANN401 - any statement
        def read() -> Sequence[Row[Any]]:
            with store_errors(f"access: {doing}"), self._engine.connect() as connection:
                return connection.execute(query).all()

        return await self._workers.run(read)

    async def _change(self, doing: str, statement: Any) -> int:  # noqa: ANN401 - any statement
        def change() -> int:
            with store_errors(f"access: {doing}"), self._engine.begin() as connection:
                return connection.execute(statement).rowcount

        return await self._workers.run(change)

    def _add_users(self, users: Sequence[User], *, only_if_none: bool) -> bool:
        names = [user.name for user in users]
        with store_errors("access: adding users"):
            try:
                with self._engine.begin() as connection:
                    known = set(connection.execute(select(account.c.name)).scalars())
                    if only_if_none and known:
                        return False
                    taken = [name for name in names if name in known]
                    if taken:
                        raise ConflictError(f"user name {taken[0]!r} is taken")
                    connection.execute(insert(account), [_user_row(user) for user in users])
            except IntegrityError as error:
                # Another process was faster between the look and the insertion.
                if only_if_none:
                    return False
                raise ConflictError(f"one of the user names {names} is taken") from error
        return True

    def _add_api_key(self, key: ApiKeyRecord) -> None:
        row = {
            "key_id": key.key_id,
            "digest": key.digest,
            "label": key.label,
            "role": key.role.value,
            "participant_id": key.participant_id,
            "created_by": key.created_by,
            "created_us": to_us(key.created_at),
            "ends_us": None if key.ends_at is None else to_us(key.ends_at),
            "revoked_us": None if key.revoked_at is None else to_us(key.revoked_at),
        }
        with store_errors("access: adding an API key"):
            try:
                with self._engine.begin() as connection:
                    connection.execute(insert(api_key).values(row))
            except IntegrityError as error:
                raise ConflictError(f"API key id {key.key_id!r} is taken") from error


@dataclass(frozen=True, slots=True)
class AccessDatabase:
    """The access database, opened."""

    engine: Engine
    accounts: SqlAccountStore
    idempotency: SqlIdempotencyStore

    def close(self) -> None:
        """Gives the database back."""
        self.engine.dispose()


def open_access(url: str, workers: Workers | None = None) -> AccessDatabase:
    """The access database at ``url``, made or brought up to date first; every commit survives loss of power.

    Args:
        url: As ``open_engine``.
        workers: Where the database is waited for; inline (blocking the event loop) when not given.

    Raises:
        StoreError: it cannot be opened.
    """
    engine = open_engine(url, Durability.FULL)
    upgrade(engine, "access")
    waiting = workers or InlineWorkers()
    return AccessDatabase(engine, SqlAccountStore(engine, waiting), SqlIdempotencyStore(engine, waiting))


def _user_row(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role.value,
        "participant_id": user.participant_id,
        "password_hash": user.password_hash,
        "created_us": to_us(user.created_at),
        "password_changed_us": to_us(user.password_changed_at),
        "disabled": user.disabled,
    }


def _user(row: Sequence[Any]) -> User:
    name, role, participant_id, password_hash, created_us, changed_us, disabled = row
    return User(name, Role(role), participant_id, password_hash, from_us(created_us), from_us(changed_us), disabled)


def _key(row: Row[Any]) -> ApiKeyRecord:
    return ApiKeyRecord(
        row.key_id,
        row.digest,
        row.label,
        Role(row.role),
        row.participant_id,
        row.created_by,
        from_us(row.created_us),
        None if row.ends_us is None else from_us(row.ends_us),
        None if row.revoked_us is None else from_us(row.revoked_us),
    )
