"""Answers by ``Idempotency-Key`` in a SQL database."""

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Engine, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from vpp.infra.store.engines import store_errors
from vpp.infra.store.tables import idempotency
from vpp.ports import (
    AlreadyDone,
    Claimed,
    ClaimOutcome,
    OtherRequest,
    RequestClaim,
    StillRunning,
    StoredResponse,
    Workers,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TRIES = 3


class SqlIdempotencyStore:
    """Implements ``IdempotencyStore``; the table's primary key decides who of two at once was first."""

    def __init__(self, engine: Engine, workers: Workers) -> None:
        """On a database whose schema is up to date; see ``open_access``."""
        self._engine = engine
        self._workers = workers

    async def claim(self, claim: RequestClaim) -> ClaimOutcome:
        """Takes the key for this request, if nobody has."""
        return await self._workers.run(self._claim, claim)

    async def finish(self, claim: RequestClaim, response: StoredResponse) -> None:
        """Keeps the answer."""
        await self._workers.run(self._finish, claim, response)

    async def abandon(self, claim: RequestClaim) -> None:
        """Gives the key back."""
        await self._workers.run(self._delete, "giving a key back", _of(claim))

    async def abandon_all(self) -> int:
        """Gives back what is unanswered."""
        return await self._workers.run(self._delete, "giving back unanswered keys", idempotency.c.status.is_(None))

    async def drop_before(self, at: datetime) -> None:
        """Forgets answered requests older than ``at``."""
        old = and_(idempotency.c.status.is_not(None), idempotency.c.at_us < to_us(at))
        await self._workers.run(self._delete, "forgetting old answers", old)

    def _claim(self, claim: RequestClaim) -> ClaimOutcome:
        row = {
            "principal": claim.principal,
            "key": claim.key,
            "method": claim.method,
            "path": claim.path,
            "digest": claim.digest,
            "at_us": to_us(claim.at),
        }
        with store_errors(f"access: claiming key {claim.key!r}"):
            for _ in range(_TRIES):
                try:
                    with self._engine.begin() as connection:
                        connection.execute(insert(idempotency).values(row))
                        return Claimed()
                except IntegrityError:
                    known = self._known(claim)
                    # It may have been given back in between: then it is free to take.
                    if known is not None:
                        return known
        return StillRunning()

    def _known(self, claim: RequestClaim) -> ClaimOutcome | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(idempotency).where(_of(claim))).first()
        if row is None:
            return None
        if (row.method, row.path, row.digest) != (claim.method, claim.path, claim.digest):
            return OtherRequest(row.method, row.path)
        if row.status is None:
            return StillRunning()
        return AlreadyDone(StoredResponse(row.status, json.loads(row.headers), bytes(row.body)))

    def _finish(self, claim: RequestClaim, response: StoredResponse) -> None:
        values = {"status": response.status, "headers": json.dumps(dict(response.headers)), "body": response.body}
        with store_errors(f"access: keeping the answer to key {claim.key!r}"), self._engine.begin() as connection:
            connection.execute(update(idempotency).where(_of(claim)).values(values))

    def _delete(self, doing: str, which: ColumnElement[bool]) -> int:
        with store_errors(f"access: {doing}"), self._engine.begin() as connection:
            return connection.execute(delete(idempotency).where(which)).rowcount


def to_us(instant: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    """The instant again, aware UTC."""
    return _EPOCH + microseconds * _MICROSECOND


def _of(claim: RequestClaim) -> ColumnElement[bool]:
    return and_(idempotency.c.principal == claim.principal, idempotency.c.key == claim.key)
