"""The gate's decisions, one by one."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from adapters.kit.command_gate import Accept, Duplicate, Expired, Older, Refuse, Seen, decide
from adapters.kit.resource_spec import ChargingTerms, ResourceSpec, StorageTerms
from tests.adapters.gateway_rig import T0, command, process
from vpp.domain.commands import Command, CommandMode
from vpp.domain.fleet import ResourceKind
from vpp.wire.convert import command_from_wire

SPEC = process()
BATTERY = ResourceSpec("r1", "s1", ResourceKind.STORAGE, 200.0, 0, 2, StorageTerms())
EXPORTING = ResourceSpec("r1", "s1", ResourceKind.STORAGE, 200.0, 0, 2, StorageTerms(export_allowed=True))


def arrived(sequence: int = 5, **changes: Any) -> Command:
    return dataclasses.replace(command_from_wire(command(sequence)), **changes)


def test_decide__accepts_the_first_and_any_newer() -> None:
    assert decide(arrived(), spec=SPEC, seen=None, now=T0) == Accept()
    assert decide(arrived(), spec=SPEC, seen=Seen((1, 4), "c4"), now=T0) == Accept()
    assert decide(arrived(1, epoch=2), spec=SPEC, seen=Seen((1, 9), "c9"), now=T0) == Accept()


def test_decide__duplicate_even_after_it_expired() -> None:
    late = T0 + timedelta(hours=5)
    assert decide(arrived(), spec=SPEC, seen=Seen((1, 5), "c5"), now=late) == Duplicate()


@pytest.mark.parametrize("seen", [Seen((1, 6), "c6"), Seen((2, 1), "c1"), Seen((1, 5), "another")])
def test_decide__older_or_same_order_under_another_id(seen: Seen) -> None:
    decision = decide(arrived(), spec=SPEC, seen=seen, now=T0)
    assert isinstance(decision, Older)
    assert decision.reason.startswith("command 'c5' of epoch 1, sequence 5 is not newer than")


def test_decide__expired() -> None:
    decision = decide(arrived(), spec=SPEC, seen=None, now=T0 + timedelta(hours=1))
    assert decision == Expired("expired at 2026-07-20T07:00:00Z, arrived at 2026-07-20T07:00:00Z")


@pytest.mark.parametrize(
    ("spec", "changes", "reason"),
    [
        (None, {}, "unknown resource 'r1'"),
        (process(protected=True), {}, "resource 'r1' belongs to a protected class and is never curtailed"),
        (process(opted_in=False), {}, "the owner of resource 'r1' has not opted in"),
        (SPEC, {"setpoints_kw": (float("nan"),)}, "setpoint nan kW at index 0 is not a finite number"),
        (SPEC, {"setpoints_kw": (0.0, 200.1)}, "setpoint 200.1 kW at index 1 is outside [0, 200] kW"),
        (SPEC, {"setpoints_kw": (-1.0,)}, "setpoint -1 kW at index 0 is outside [0, 200] kW"),
        (BATTERY, {"setpoints_kw": (-1.0,)}, "setpoint -1 kW at index 0 is outside [0, 200] kW"),
        (EXPORTING, {"setpoints_kw": (-201.0,)}, "setpoint -201 kW at index 0 is outside [-200, 200] kW"),
        (SPEC, {"setpoints_kw": ()}, "it has no setpoint"),
        (
            SPEC,
            {"mode": CommandMode.AT_LEAST},
            "mode 'at_least' cannot be held by a resource of kind 'factory_process'",
        ),
        (SPEC, {"release_after_s": float("inf")}, "release_after_s inf s is not a finite number >= 0"),
        (
            SPEC,
            {"expires_at": T0 + timedelta(days=8)},
            "expires_at 2026-07-28T06:00:00Z is more than 7 days ahead",
        ),
        (
            SPEC,
            {"schedule_start": T0 + timedelta(days=9)},
            "schedule_start 2026-07-29T06:00:00Z is more than 7 days ahead",
        ),
    ],
)
def test_decide__refuses_with_reason(spec: ResourceSpec | None, changes: dict[str, Any], reason: str) -> None:
    decision = decide(arrived(**changes), spec=spec, seen=None, now=T0)
    assert isinstance(decision, Refuse)
    assert decision.reason == reason
    assert decision.remember is (spec is not None)


def test_decide__refuses_under_local_control() -> None:
    assert decide(arrived(), spec=SPEC, seen=None, now=T0, unable="by hand") == Refuse("by hand")


def test_decide__at_least_is_held_by_what_can_take_more() -> None:
    raised = arrived(mode=CommandMode.AT_LEAST)
    kind, terms = ResourceKind.RESIDENTIAL_CHARGING, ChargingTerms(early_start=True)
    waiting = ResourceSpec("r1", "s1", kind, 200.0, 0, 2, terms)
    at_once = ResourceSpec("r1", "s1", kind, 200.0, 0, 2, ChargingTerms())

    assert decide(raised, spec=BATTERY, seen=None, now=T0) == Accept()
    assert decide(raised, spec=waiting, seen=None, now=T0) == Accept()
    refused = "mode 'at_least' cannot be held by a resource of kind 'residential_charging'"
    assert decide(raised, spec=at_once, seen=None, now=T0) == Refuse(refused)


def test_decide__a_battery_may_discharge_where_export_is_allowed() -> None:
    assert decide(arrived(setpoints_kw=(-200.0,)), spec=EXPORTING, seen=None, now=T0) == Accept()
