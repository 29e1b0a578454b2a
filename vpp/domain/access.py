"""Who may do what: roles, principals, and what is kept of users, sessions and API keys."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vpp.domain.errors import InputError

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
PASSWORD_SHORTEST = 12
PASSWORD_LONGEST = 256
"""Hashing takes time by the byte: nobody may send a megabyte."""
PASSWORD_DISTINCT = 5
NAME_LOOKED_FOR = 4
"""A shorter name stands in many a good password by chance."""


class Role(StrEnum):
    """What somebody is to the controller; an admin may do what an operator may."""

    OPERATOR = "operator"
    PARTICIPANT = "participant"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: a person that has logged in, or a machine with an API key.

    Attributes:
        name: The user's name; ``key:<id>`` for an API key.
        participant_id: Whose data and decisions; set exactly for ``Role.PARTICIPANT``.

    Raises:
        InputError: ``participant_id`` does not fit the role.
    """

    name: str
    role: Role
    participant_id: str | None = None

    def __post_init__(self) -> None:
        require_participant(self.name, self.role, self.participant_id)

    @property
    def runs_the_district(self) -> bool:
        """Whether it sees and decides for the whole district: operators and admins."""
        return self.role is not Role.PARTICIPANT


@dataclass(frozen=True, slots=True)
class User:
    """A person's account.

    Attributes:
        password_hash: With its algorithm and cost inside.
        disabled: Cannot log in; its sessions have ended.
    """

    name: str
    role: Role
    participant_id: str | None
    password_hash: str
    created_at: datetime
    password_changed_at: datetime
    disabled: bool = False

    @property
    def principal(self) -> Principal:
        """Who is asking, when this user is."""
        return Principal(self.name, self.role, self.participant_id)


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What is kept of a session: never its token.

    Attributes:
        token_digest: SHA-256 (hex) of the token.
        seen_at: Last use, kept to the minute or so.
        ends_at: Whatever happens, not valid from here on.
    """

    token_digest: str
    user_name: str
    created_at: datetime
    seen_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKeyRecord:
    """What is kept of an API key: never its secret.

    Attributes:
        key_id: Stands in the key itself, to find it by.
        digest: SHA-256 (hex) of the whole key, which is random and long enough for that.
        label: What it is for, in its owner's words.
        created_by: User who made it.
        ends_at: Not valid from here on; ``None`` for never.
    """

    key_id: str
    digest: str
    label: str
    role: Role
    participant_id: str | None
    created_by: str
    created_at: datetime
    ends_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def principal(self) -> Principal:
        """Who is asking, when this key is used."""
        return Principal(f"key:{self.key_id}", self.role, self.participant_id)

    def valid_at(self, instant: datetime) -> bool:
        """Whether it opens anything at ``instant``."""
        return self.revoked_at is None and (self.ends_at is None or instant < self.ends_at)


def may_see(principal: Principal, participant_id: str) -> bool:
    """Whether what belongs to ``participant_id`` may be shown to ``principal``."""
    return principal.runs_the_district or principal.participant_id == participant_id


def require_participant(name: str, role: Role, participant_id: str | None) -> None:
    """Nothing, or ``InputError`` unless a participant, and only a participant, names whose data it sees."""
    if role is Role.PARTICIPANT and not participant_id:
        raise InputError(f"{name!r} has role 'participant' and must name its participant_id")
    if role is not Role.PARTICIPANT and participant_id is not None:
        raise InputError(f"{name!r} has role {role.value!r} and cannot have participant_id {participant_id!r}")


def require_name(name: str) -> str:
    """The name, or ``InputError`` when it cannot be a user's."""
    if not NAME.fullmatch(name):
        raise InputError(
            f"user name {name!r} is not 1 to 64 of a-z, 0-9, '.', '_', '@', '-', beginning with a letter or digit"
        )
    return name


def require_password(name: str, password: str) -> str:
    """The password, or ``InputError`` naming the rule that it breaks; never quotes it."""
    if not PASSWORD_SHORTEST <= len(password) <= PASSWORD_LONGEST:
        raise InputError(
            f"password of {name!r} has {len(password)} characters, expected {PASSWORD_SHORTEST} to {PASSWORD_LONGEST}"
        )
    if (distinct := len(set(password))) < PASSWORD_DISTINCT:
        raise InputError(f"password of {name!r} has {distinct} different characters, expected {PASSWORD_DISTINCT}")
    if len(name) >= NAME_LOOKED_FOR and name in password.lower():
        raise InputError(f"password of {name!r} contains the user's name")
    return password
