"""Users and API keys: what an admin manages, and the keys that people make for their own machines."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from vpp.api.door import DoorDep
from vpp.api.idempotency import SecretRoute
from vpp.api.identity import AdminDep, IdentityDep, require_person
from vpp.api.problems import ProblemError, responses
from vpp.domain.access import ApiKeyRecord, Role, User, require_name
from vpp.domain.errors import UnknownThingError

access_router = APIRouter(prefix="/api/v1", tags=["access"], route_class=SecretRoute)
LONGEST_DAYS = 3650
UserName = Annotated[str, Path(min_length=1, max_length=64, examples=["beichen-steel"])]
KeyId = Annotated[str, Path(pattern="^[0-9a-f]{12}$", examples=["0f1e2d3c4b5a"])]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UserAsked(_Asked):
    """A new account; its password is made by the service and shown in the answer only."""

    name: str = Field(min_length=1, max_length=64, examples=["beichen-steel"])
    role: Role
    participant_id: str | None = Field(default=None, max_length=64, description="Needed for participants, and only.")


class UserAnswer(BaseModel):
    """An account."""

    name: str
    role: Role
    participant_id: str | None
    disabled: bool
    created_at: datetime
    password_changed_at: datetime


class CredentialsAnswer(BaseModel):
    """A password that is shown once."""

    name: str
    role: Role
    participant_id: str | None
    password: str = Field(description="Hand it over safely; it cannot be read again.")


class DisabledAsked(_Asked):
    """Whether an account is shut out."""

    disabled: bool


class ApiKeyAsked(_Asked):
    """A new API key."""

    label: str = Field(min_length=1, max_length=80, description="What it is for.", examples=["meter export"])
    role: Role | None = Field(default=None, description="One's own unless given; only an admin may give another.")
    participant_id: str | None = Field(default=None, max_length=64, description="Needed for participants, and only.")
    valid_days: int | None = Field(default=None, ge=1, le=LONGEST_DAYS, description="Null: until revoked.")


class ApiKeyAnswer(BaseModel):
    """An API key without its secret."""

    key_id: str
    label: str
    role: Role
    participant_id: str | None
    created_by: str
    created_at: datetime
    ends_at: datetime | None
    revoked_at: datetime | None


class NewApiKeyAnswer(ApiKeyAnswer):
    """A new API key."""

    key: str = Field(description="For the header X-API-Key; shown once, it cannot be read again.")


@access_router.get("/users", responses=responses(401, 403, 503), summary="All accounts")
async def list_users(_: AdminDep, door: DoorDep) -> list[UserAnswer]:
    """By name."""
    return [_user(user) for user in await door.accounts.users()]


@access_router.post(
    "/users", status_code=201, responses=responses(401, 403, 404, 409, 422, 503), summary="Make an account"
)
async def create_user(asked: UserAsked, _: AdminDep, identity: IdentityDep, door: DoorDep) -> CredentialsAnswer:
    """The password is random and in this answer only; the same request again is 409, as the name is taken then.

    An API key makes no admins.
    """
    if asked.role is Role.ADMIN:
        require_person(identity, "make an account of role 'admin'")
    made = await door.accounts.create_user(asked.name, asked.role, participant_id=asked.participant_id)
    return CredentialsAnswer(name=made.name, role=made.role, participant_id=made.participant_id, password=made.password)


@access_router.put(
    "/users/{name}/disabled",
    responses=responses(401, 403, 404, 409, 422, 503),
    summary="Shut an account out, or let it in again",
)
async def disable_user(
    name: UserName, asked: DisabledAsked, _: AdminDep, identity: IdentityDep, door: DoorDep
) -> UserAnswer:
    """Shutting out ends its sessions and revokes the API keys that it made; the last admin cannot be shut out.

    Not with an API key.
    """
    require_person(identity, "shut an account out or let it in")
    return _user(await door.accounts.set_disabled(require_name(name), disabled=asked.disabled))


@access_router.post(
    "/users/{name}/password-reset",
    status_code=201,
    responses=responses(401, 403, 404, 409, 422, 503),
    summary="Give an account a new password",
)
async def reset_password(name: UserName, _: AdminDep, identity: IdentityDep, door: DoorDep) -> CredentialsAnswer:
    """The password is random and in this answer only; the account's sessions end, API keys that it made are revoked.

    Not with an API key.
    """
    require_person(identity, "reset a password")
    made = await door.accounts.reset_password(require_name(name))
    return CredentialsAnswer(name=made.name, role=made.role, participant_id=made.participant_id, password=made.password)


@access_router.get("/api-keys", responses=responses(401, 503), summary="API keys")
async def list_api_keys(identity: IdentityDep, door: DoorDep) -> list[ApiKeyAnswer]:
    """An admin sees all, everybody else those that they made."""
    asking = identity.principal
    keys = await door.accounts.api_keys()
    return [_key(key) for key in keys if asking.role is Role.ADMIN or key.created_by == asking.name]


@access_router.post(
    "/api-keys", status_code=201, responses=responses(401, 403, 404, 409, 422, 503), summary="Make an API key"
)
async def create_api_key(asked: ApiKeyAsked, identity: IdentityDep, door: DoorDep) -> NewApiKeyAnswer:
    """For one's own role, or, as an admin, for any. The secret is in this answer only. A key makes no keys."""
    asking = identity.principal
    require_person(identity, "make API keys")
    role, participant_id = asked.role or asking.role, asked.participant_id
    if asked.role is None and participant_id is None:
        participant_id = asking.participant_id
    if asking.role is not Role.ADMIN and (role, participant_id) != (asking.role, asking.participant_id):
        raise ProblemError(403, f"{asking.name!r} may make API keys for its own role only")
    made = await door.accounts.create_api_key(
        asked.label,
        role,
        by=asking,
        participant_id=participant_id,
        valid_for=timedelta(days=asked.valid_days) if asked.valid_days is not None else None,
    )
    return NewApiKeyAnswer(**_key(made.record).model_dump(), key=made.secret)


@access_router.delete(
    "/api-keys/{key_id}", status_code=204, responses=responses(401, 403, 404, 422, 503), summary="Revoke an API key"
)
async def revoke_api_key(key_id: KeyId, identity: IdentityDep, door: DoorDep) -> Response:
    """It opens nothing from here on; revoking again changes nothing."""
    asking = identity.principal
    own = [key.key_id for key in await door.accounts.api_keys() if key.created_by == asking.name]
    if asking.role is not Role.ADMIN and key_id not in own:
        raise UnknownThingError("API key", key_id)
    await door.accounts.revoke_api_key(key_id)
    return Response(status_code=204)


def _user(user: User) -> UserAnswer:
    return UserAnswer(
        name=user.name,
        role=user.role,
        participant_id=user.participant_id,
        disabled=user.disabled,
        created_at=user.created_at,
        password_changed_at=user.password_changed_at,
    )


def _key(key: ApiKeyRecord) -> ApiKeyAnswer:
    return ApiKeyAnswer(
        key_id=key.key_id,
        label=key.label,
        role=key.role,
        participant_id=key.participant_id,
        created_by=key.created_by,
        created_at=key.created_at,
        ends_at=key.ends_at,
        revoked_at=key.revoked_at,
    )
