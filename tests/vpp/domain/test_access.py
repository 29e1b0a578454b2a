"""Roles, names and passwords."""

from datetime import UTC, datetime, timedelta

import pytest

from vpp.domain.access import ApiKeyRecord, Principal, Role, may_see, require_name, require_password
from vpp.domain.errors import InputError

T0 = datetime(2026, 7, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("principal", "own", "other"),
    [
        (Principal("steel", Role.PARTICIPANT, "p-1"), True, False),
        (Principal("operator", Role.OPERATOR), True, True),
        (Principal("admin", Role.ADMIN), True, True),
    ],
)
def test_may_see__participants_see_their_own(principal: Principal, *, own: bool, other: bool) -> None:
    assert (may_see(principal, "p-1"), may_see(principal, "p-2")) == (own, other)


def test_principal__participant_must_say_whose() -> None:
    with pytest.raises(InputError, match="'steel' has role 'participant' and must name its participant_id"):
        Principal("steel", Role.PARTICIPANT)


def test_principal__operator_is_nobodys() -> None:
    with pytest.raises(InputError, match="'op' has role 'operator' and cannot have participant_id 'p-1'"):
        Principal("op", Role.OPERATOR, "p-1")


@pytest.mark.parametrize("name", ["", "Op", "-x", "a b", "a" * 65, "名"])
def test_require_name__refuses(name: str) -> None:
    with pytest.raises(InputError, match=r"user name '.*' is not 1 to 64 of a-z"):
        require_name(name)


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("short-pass1", "has 11 characters, expected 12 to 256"),
        ("x" * 257, "has 257 characters, expected 12 to 256"),
        ("aabbccaabbcc", "has 3 different characters, expected 5"),
        ("my-Operator-1234", "contains the user's name"),
    ],
)
def test_require_password__names_the_rule_and_not_the_password(password: str, message: str) -> None:
    with pytest.raises(InputError, match=f"password of 'operator' {message}") as caught:
        require_password("operator", password)
    assert password not in str(caught.value)


def test_require_password__a_short_name_may_stand_in_it() -> None:
    assert require_password("op", "top-secret-thing") == "top-secret-thing"


def test_api_key__is_valid_until_its_end_or_revocation() -> None:
    key = ApiKeyRecord("id", "d", "label", Role.OPERATOR, None, "admin", T0, T0 + timedelta(hours=1))
    assert [key.valid_at(T0 + timedelta(minutes=m)) for m in (0, 59, 60)] == [True, True, False]
    revoked = ApiKeyRecord("id", "d", "label", Role.OPERATOR, None, "admin", T0, None, T0)
    assert not revoked.valid_at(T0)
