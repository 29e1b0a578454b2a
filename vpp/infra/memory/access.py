"""Accounts and idempotency kept in dictionaries, for the harness and for tests."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from vpp.domain.access import ApiKeyRecord, SessionRecord, User
from vpp.domain.errors import ConflictError, UnknownThingError
from vpp.ports import (
    AlreadyDone,
    Claimed,
    ClaimOutcome,
    OtherRequest,
    RequestClaim,
    StillRunning,
    StoredResponse,
)


class MemoryAccountStore:
    """Implements ``AccountStore``."""

    def __init__(self) -> None:
        """Nobody yet."""
        self._users: dict[str, User] = {}
        self._sessions: dict[str, SessionRecord] = {}
        self._keys: dict[str, ApiKeyRecord] = {}

    async def users(self) -> list[User]:
        """All users, by name."""
        return sorted(self._users.values(), key=lambda user: user.name)

    async def user(self, name: str) -> User | None:
        """One user."""
        return self._users.get(name)

    async def add_users(self, users: Sequence[User], *, only_if_none: bool = False) -> bool:
        """Adds all of them or none."""
        if only_if_none and self._users:
            return False
        for user in users:
            if user.name in self._users:
                raise ConflictError(f"user name {user.name!r} is taken")
        self._users.update((user.name, user) for user in users)
        return True

    async def replace_user(self, user: User) -> None:
        """Replaces the user of that name."""
        if user.name not in self._users:
            raise UnknownThingError("user", user.name)
        self._users[user.name] = user

    async def add_session(self, session: SessionRecord) -> None:
        """Keeps a new session."""
        self._sessions[session.token_digest] = session

    async def session(self, token_digest: str) -> tuple[SessionRecord, User] | None:
        """A session with its user."""
        found = self._sessions.get(token_digest)
        return None if found is None else (found, self._users[found.user_name])

    async def touch_session(self, token_digest: str, seen_at: datetime) -> None:
        """Notes its last use."""
        if (found := self._sessions.get(token_digest)) is not None:
            self._sessions[token_digest] = replace(found, seen_at=seen_at)

    async def drop_session(self, token_digest: str) -> None:
        """Ends it."""
        self._sessions.pop(token_digest, None)

    async def drop_sessions_of(self, user_name: str, *, keep: str | None = None) -> None:
        """Ends all sessions of a user, save one."""
        self._keep_sessions(lambda each: each.user_name != user_name or each.token_digest == keep)

    async def drop_sessions_before(self, seen_at: datetime, ends_at: datetime) -> None:
        """Forgets what is over."""
        self._keep_sessions(lambda each: each.seen_at >= seen_at and each.ends_at > ends_at)

    async def add_api_key(self, key: ApiKeyRecord) -> None:
        """Keeps a new key."""
        if key.key_id in self._keys:
            raise ConflictError(f"API key id {key.key_id!r} is taken")
        self._keys[key.key_id] = key

    async def api_key(self, key_id: str) -> ApiKeyRecord | None:
        """One key, valid or not."""
        return self._keys.get(key_id)

    async def api_keys(self) -> list[ApiKeyRecord]:
        """All keys, oldest first."""
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.key_id))

    async def revoke_api_keys(self, at: datetime, *, key_id: str | None = None, created_by: str | None = None) -> int:
        """Revokes the valid keys that have this id or this maker."""
        ended = [
            key
            for key in self._keys.values()
            if key.revoked_at is None and (key.key_id == key_id or key.created_by == created_by)
        ]
        self._keys.update((key.key_id, replace(key, revoked_at=at)) for key in ended)
        return len(ended)

    def _keep_sessions(self, kept: Callable[[SessionRecord], bool]) -> None:
        self._sessions = {digest: each for digest, each in self._sessions.items() if kept(each)}


class MemoryIdempotencyStore:
    """Implements ``IdempotencyStore``."""

    def __init__(self) -> None:
        """Nothing asked yet."""
        self._claims: dict[tuple[str, str], tuple[RequestClaim, StoredResponse | None]] = {}

    async def claim(self, claim: RequestClaim) -> ClaimOutcome:
        """Takes the key for this request, if nobody has."""
        known = self._claims.get((claim.principal, claim.key))
        if known is None:
            self._claims[claim.principal, claim.key] = (claim, None)
            return Claimed()
        earlier, response = known
        if (earlier.method, earlier.path, earlier.digest) != (claim.method, claim.path, claim.digest):
            return OtherRequest(earlier.method, earlier.path)
        return StillRunning() if response is None else AlreadyDone(response)

    async def finish(self, claim: RequestClaim, response: StoredResponse) -> None:
        """Keeps the answer."""
        self._claims[claim.principal, claim.key] = (claim, response)

    async def abandon(self, claim: RequestClaim) -> None:
        """Gives the key back."""
        self._claims.pop((claim.principal, claim.key), None)

    async def abandon_all(self) -> int:
        """Gives back what is unanswered."""
        unanswered = [key for key, (_, response) in self._claims.items() if response is None]
        for key in unanswered:
            del self._claims[key]
        return len(unanswered)

    async def drop_before(self, at: datetime) -> None:
        """Forgets answered requests older than ``at``."""
        self._claims = {
            key: (claim, response)
            for key, (claim, response) in self._claims.items()
            if response is None or claim.at >= at
        }
