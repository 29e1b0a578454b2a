"""Accounts: who logs in with a password, which machine holds a key, and how long either is believed.

Times are those of the wall, never scaled: a demonstration at 100 times real time must not log anybody out.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from vpp.domain.access import (
    PASSWORD_LONGEST,
    ApiKeyRecord,
    Principal,
    Role,
    SessionRecord,
    User,
    require_name,
    require_participant,
    require_password,
)
from vpp.domain.errors import ConflictError, CredentialsError, InputError, TooManyAttemptsError, UnknownThingError
from vpp.ports import AccountStore, Clock, PasswordHasher, Workers
from vpp.services.attempts import Attempts

SESSION_LONGEST = timedelta(hours=12)
SESSION_IDLE = timedelta(hours=2)
TOUCH_EVERY = timedelta(minutes=1)
KEY_PREFIX = "vpp_"
TOKEN_BYTES = 32
LABEL_LONGEST = 80
WRONG = "name or password is wrong, or the account is disabled"


@dataclass(frozen=True, slots=True)
class Session:
    """A live session.

    Attributes:
        token: The cookie's content; only its digest is stored.
        csrf_token: To be sent along with every unsafe request; follows from the token, which no script can read.
        expires_at: If it is not used before; never later than 12 h after the login.
    """

    token: str = field(repr=False)
    principal: Principal
    csrf_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name with its password, to be shown once."""

    name: str
    password: str = field(repr=False)
    role: Role
    participant_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new API key with its secret, to be shown once."""

    record: ApiKeyRecord
    secret: str = field(repr=False)


class Accounts:
    """Log-ins, sessions, API keys and users."""

    def __init__(
        self,
        store: AccountStore,
        hasher: PasswordHasher,
        *,
        workers: Workers,
        wall: Clock,
        participant_known: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Accounts in ``store``.

        Args:
            store: Where they are kept.
            hasher: Of passwords.
            workers: Threads in which passwords are hashed.
            wall: Real time, whatever the controller's clock shows.
            participant_known: Whether a participant of that id is registered.
        """
        self._store = store
        self._hasher = hasher
        self._workers = workers
        self._wall = wall
        self._participant_known = participant_known
        self._attempts = Attempts()
        self._nobody = ""

    async def login(self, name: str, password: str, *, address: str = "") -> Session:
        """A new session.

        Takes the same work whether the name is known or not.

        Args:
            name: In any case.
            password: As set.
            address: Where the attempt comes from.

        Raises:
            CredentialsError: wrong, or disabled; does not say which.
            TooManyAttemptsError: too many failures lately; the password was not looked at.
        """
        name = name.strip().lower()[:64]
        now = self._wall.now()
        if wait := self._attempts.wait(name, address, now):
            raise TooManyAttemptsError(max(1.0, wait.total_seconds()))
        # Counted before the slow hash, so that many attempts at once do not slip past the limit together.
        self._attempts.failed(name, address, now)
        user = await self._store.user(name)
        known_hash = user.password_hash if user is not None else await self._hash_of_nobody()
        right = len(password) <= PASSWORD_LONGEST and await self._workers.run(self._hasher.verify, known_hash, password)
        if user is None or user.disabled or not right:
            raise CredentialsError(WRONG)
        self._attempts.succeeded(name, address)
        if self._hasher.outdated(user.password_hash):
            user = replace(user, password_hash=await self._workers.run(self._hasher.hash, password))
            await self._store.replace_user(user)
        return await self._open_session(user)

    async def by_session(self, token: str, *, use: bool = True) -> Session | None:
        """The live session of that token; using it keeps it alive, up to its longest time, a mere look does not."""
        digest = digest_of(token)
        found = await self._store.session(digest)
        now = self._wall.now()
        if found is None:
            return None
        record, user = found
        if user.disabled or now >= _expires_at(record):
            await self._store.drop_session(digest)
            return None
        if use and now - record.seen_at >= TOUCH_EVERY:
            record = replace(record, seen_at=now)
            await self._store.touch_session(digest, now)
        return Session(token, user.principal, csrf_token_of(token), _expires_at(record))

    async def logout(self, token: str) -> None:
        """Ends the session; ending it again changes nothing."""
        await self._store.drop_session(digest_of(token))

    async def by_api_key(self, key: str) -> Principal | None:
        """Whose key it is; ``None`` for one that is unknown, revoked or past its end."""
        key_id, _, secret = key.removeprefix(KEY_PREFIX).partition("_")
        if not (key.startswith(KEY_PREFIX) and key_id and secret):
            return None
        record = await self._store.api_key(key_id)
        if record is None or not hmac.compare_digest(record.digest, digest_of(key)):
            return None
        return record.principal if record.valid_at(self._wall.now()) else None

    async def users(self) -> list[User]:
        """All users, by name."""
        return await self._store.users()

    async def create_user(
        self, name: str, role: Role, *, participant_id: str | None = None, password: str | None = None
    ) -> Credentials:
        """A new user, with a random password unless one is given.

        Raises:
            InputError: name, password or participant are not acceptable.
            UnknownThingError: no such participant.
            ConflictError: the name is taken.
        """
        require_name(name)
        require_participant(name, role, participant_id)
        if participant_id is not None and not self._participant_known(participant_id):
            raise UnknownThingError("participant", participant_id)
        credentials = Credentials(name, password or random_password(), role, participant_id)
        await self._store.add_users([await self._user_of(credentials)])
        return credentials

    async def first_credentials(self) -> list[Credentials]:
        """Makes an admin and an operator with random passwords where there is no user yet; nothing otherwise.

        Whoever calls shows them once; nobody can read them again.
        """
        made = [Credentials(role.value, random_password(), role) for role in (Role.ADMIN, Role.OPERATOR)]
        if await self._store.users():
            return []
        added = await self._store.add_users([await self._user_of(each) for each in made], only_if_none=True)
        return made if added else []

    async def plant(self, demo: Sequence[Credentials]) -> None:
        """Makes users with passwords that everybody may know, where they are missing: for demonstrations only."""
        known = {user.name for user in await self._store.users()}
        for each in demo:
            if each.name not in known:
                await self.create_user(each.name, each.role, participant_id=each.participant_id, password=each.password)

    async def change_password(self, session: Session, old: str, new: str) -> None:
        """Sets one's own password; one's other sessions end.

        Raises:
            CredentialsError: the old password is wrong.
            TooManyAttemptsError: as ``login``.
            InputError: the new one breaks a rule.
        """
        user, now = await self._user(session.principal.name), self._wall.now()
        address = f"session of {user.name}"
        if wait := self._attempts.wait(user.name, address, now):
            raise TooManyAttemptsError(max(1.0, wait.total_seconds()))
        self._attempts.failed(user.name, address, now)
        right = len(old) <= PASSWORD_LONGEST and await self._workers.run(self._hasher.verify, user.password_hash, old)
        if not right:
            raise CredentialsError("the old password is wrong")
        self._attempts.succeeded(user.name, address)
        if old == new:
            raise InputError(f"new password of {user.name!r} is the old one")
        await self._set_password(user, new)
        await self._store.drop_sessions_of(user.name, keep=digest_of(session.token))

    async def reset_password(self, name: str, password: str | None = None) -> Credentials:
        """A new password, random unless given; all sessions of the user end, the API keys that it made are revoked.

        Raises:
            UnknownThingError: no such user.
            InputError: the given one breaks a rule.
        """
        user = await self._user(name)
        credentials = Credentials(name, password or random_password(), user.role, user.participant_id)
        await self._set_password(user, credentials.password)
        await self._store.drop_sessions_of(name)
        await self._store.revoke_api_keys(self._wall.now(), created_by=name)
        return credentials

    async def set_disabled(self, name: str, *, disabled: bool) -> User:
        """Shuts an account out, or lets it in again. Its sessions end and the API keys that it made are revoked.

        Raises:
            UnknownThingError: no such user.
            ConflictError: it is the last admin who could undo this.
        """
        user = await self._user(name)
        if disabled and user.role is Role.ADMIN:
            others = [each for each in await self._store.users() if each.role is Role.ADMIN and not each.disabled]
            if [each.name for each in others] == [name]:
                raise ConflictError(f"user {name!r} is the last admin that is not disabled")
        user = replace(user, disabled=disabled)
        await self._store.replace_user(user)
        if disabled:
            await self._store.drop_sessions_of(name)
            await self._store.revoke_api_keys(self._wall.now(), created_by=name)
        return user

    async def create_api_key(
        self,
        label: str,
        role: Role,
        *,
        by: Principal,
        participant_id: str | None = None,
        valid_for: timedelta | None = None,
    ) -> NewKey:
        """A new key; its secret is never to be had again.

        Raises:
            InputError: label, time or participant are not acceptable.
            UnknownThingError: no such participant.
        """
        label = label.strip()
        if not 0 < len(label) <= LABEL_LONGEST:
            raise InputError(f"label of an API key has {len(label)} characters, expected 1 to {LABEL_LONGEST}")
        if valid_for is not None and valid_for <= timedelta():
            raise InputError(f"API key {label!r} would be valid for {valid_for.total_seconds():g} s, expected more")
        require_participant(label, role, participant_id)
        if participant_id is not None and not self._participant_known(participant_id):
            raise UnknownThingError("participant", participant_id)
        now = self._wall.now()
        key_id = secrets.token_hex(6)
        secret = f"{KEY_PREFIX}{key_id}_{secrets.token_urlsafe(TOKEN_BYTES)}"
        ends_at = now + valid_for if valid_for is not None else None
        record = ApiKeyRecord(key_id, digest_of(secret), label, role, participant_id, by.name, now, ends_at)
        await self._store.add_api_key(record)
        return NewKey(record, secret)

    async def api_keys(self) -> list[ApiKeyRecord]:
        """All keys, oldest first, revoked ones included."""
        return await self._store.api_keys()

    async def revoke_api_key(self, key_id: str) -> None:
        """Makes a key useless; doing it again changes nothing.

        Raises:
            UnknownThingError: no such key.
        """
        if await self._store.api_key(key_id) is None:
            raise UnknownThingError("API key", key_id)
        await self._store.revoke_api_keys(self._wall.now(), key_id=key_id)

    async def answers(self) -> None:
        """Nothing, or ``StoreError`` when the store does not answer."""
        await self._store.user("")

    async def tidy(self) -> None:
        """Forgets sessions that are over."""
        now = self._wall.now()
        await self._store.drop_sessions_before(now - SESSION_IDLE, now)

    async def _open_session(self, user: User) -> Session:
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._wall.now()
        record = SessionRecord(digest_of(token), user.name, now, now, now + SESSION_LONGEST)
        await self._store.add_session(record)
        return Session(token, user.principal, csrf_token_of(token), _expires_at(record))

    async def _user(self, name: str) -> User:
        user = await self._store.user(name)
        if user is None:
            raise UnknownThingError("user", name)
        return user

    async def _user_of(self, credentials: Credentials) -> User:
        password = require_password(credentials.name, credentials.password)
        now = self._wall.now()
        hashed = await self._workers.run(self._hasher.hash, password)
        return User(credentials.name, credentials.role, credentials.participant_id, hashed, now, now)

    async def _set_password(self, user: User, password: str) -> None:
        require_password(user.name, password)
        hashed = await self._workers.run(self._hasher.hash, password)
        await self._store.replace_user(replace(user, password_hash=hashed, password_changed_at=self._wall.now()))

    async def _hash_of_nobody(self) -> str:
        """A hash to verify against when the name is unknown, so that the answer takes as long."""
        if not self._nobody:
            self._nobody = await self._workers.run(self._hasher.hash, secrets.token_urlsafe(TOKEN_BYTES))
        return self._nobody


def random_password() -> str:
    """Five groups of four letters and digits (about 100 bits), none of which can be taken for another."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(5))


def digest_of(token: str) -> str:
    """SHA-256 (hex) of a token; tokens are random and long, so that a fast hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_token_of(token: str) -> str:
    """The CSRF token of the session with that token."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def _expires_at(record: SessionRecord) -> datetime:
    return min(record.seen_at + SESSION_IDLE, record.ends_at)
