"""Facts as canonical JSON, and the chain of digests over them; every ledger writes and checks facts through here.

Canonical: UTF-8 without spaces, keys sorted, instants in UTC with ``Z``, ``Decimal`` as text, finite numbers only. The
digest of a fact is SHA-256 over the previous digest, the kind, a line feed and the canonical bytes less the wall-clock
fields, so that two runs of one seed have the same chain and one altered figure changes every digest behind it.
A field that joined its kind later is written only where it says something, so that what older ledgers hold keeps its
bytes, and is read back as its default.
"""

import dataclasses
import hashlib
import math
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from vpp.domain.errors import InvariantError, StoreError
from vpp.domain.facts import FACT_TYPES, LATER_FIELDS, WALL_CLOCK_FIELDS, Fact
from vpp.domain.timegrid import format_instant

GENESIS_DIGEST = bytes(32)
"""Stands before the first fact."""

_JSON = msgspec.json.Encoder(order="sorted")


def fact_kind(fact: Fact) -> str:
    """The name under which the fact's kind is registered.

    Raises:
        InvariantError: it is not in ``FACT_TYPES`` and could never be read back.
    """
    kind = type(fact).__name__
    if FACT_TYPES.get(kind) is not type(fact):
        raise InvariantError(f"{kind!r} is not a registered kind of fact; add it to FACT_TYPES")
    return kind


def encode_fact(fact: Fact) -> bytes:
    """The canonical bytes of ``fact``, wall-clock fields included.

    Raises:
        InvariantError: a number is not finite, an instant has no offset, or a value is not plain; names the field.
    """
    kind = fact_kind(fact)
    try:
        plain = msgspec.to_builtins(fact, builtin_types=(datetime,), str_keys=True, order="sorted")
    except (TypeError, ValueError) as error:
        raise InvariantError(f"fact {kind} cannot be written canonically: {error}") from error
    for name, default in _later_fields(kind).items():
        if getattr(fact, name) == default:
            del plain[name]
    return _JSON.encode(_canonical(plain, kind))


def decode_fact(kind: str, payload: bytes) -> Fact:
    """The fact that ``encode_fact`` wrote.

    Raises:
        StoreError: the kind is unknown or the payload does not fit it.
    """
    if kind not in FACT_TYPES:
        raise StoreError(f"unknown kind of fact {kind!r}; this ledger was written by another version")
    try:
        return _decoder(kind).decode(payload)
    except msgspec.MsgspecError as error:
        raise StoreError(f"payload of a {kind} does not fit it: {error}") from error


def next_digest(previous: bytes, kind: str, payload: bytes) -> bytes:
    """The 32-byte digest of a fact that follows the one with digest ``previous``.

    Raises:
        StoreError: ``payload`` is not a JSON object.
    """
    return hashlib.sha256(previous + kind.encode() + b"\n" + _without_wall_clock(kind, payload)).digest()


def _without_wall_clock(kind: str, payload: bytes) -> bytes:
    if not _has_wall_clock(kind):
        return payload
    try:
        fields = msgspec.json.decode(payload, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise StoreError(f"payload of a {kind} is not a JSON object: {error}") from error
    return _JSON.encode({name: value for name, value in fields.items() if name not in WALL_CLOCK_FIELDS})


@cache
def _has_wall_clock(kind: str) -> bool:
    known = FACT_TYPES.get(kind)
    return known is not None and any(field.name in WALL_CLOCK_FIELDS for field in dataclasses.fields(known))


@cache
def _later_fields(kind: str) -> dict[str, object]:
    """Default by name of the fields that joined the kind later; a kind that was born with such a name has none."""
    fields = dataclasses.fields(FACT_TYPES[kind])
    return {f.name: f.default for f in fields if f.name in LATER_FIELDS and f.default is not dataclasses.MISSING}


@cache
def _decoder(kind: str) -> msgspec.json.Decoder[Fact]:
    return msgspec.json.Decoder(FACT_TYPES[kind])


def _canonical(value: object, where: str) -> object:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvariantError(f"fact {where} is {value}, not a finite number")
        return value
    if isinstance(value, dict):
        return {key: _canonical(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        if all(type(item) is float and math.isfinite(item) for item in value):
            return value
        return [_canonical(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvariantError(f"fact {where} is {value.isoformat()}, an instant without a UTC offset")
        return format_instant(value)
    return value
