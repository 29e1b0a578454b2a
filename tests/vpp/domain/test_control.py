"""When the plan is changed, and what for. Target 100 kW, aim 106 kW unless said otherwise."""

from datetime import timedelta

import numpy as np
import pytest

from tests.vpp.domain.event_samples import START
from vpp.domain.control import (
    ControlSettings,
    Decision,
    Delivery,
    Goal,
    Hold,
    LoopMemory,
    Redispatch,
    decide,
    expected_kw,
    project,
    stagger_s,
)
from vpp.domain.fleet import ResourceKind
from vpp.domain.timegrid import INTERVAL

SETTINGS = ControlSettings(margin_sigmas=2.0, deadband_fraction=0.03)
GOAL = Goal(target_kw=100.0, aim_kw=106.0)
LONG_AGO = START - timedelta(hours=1)


def look(
    minute: float,
    *,
    so_far_kw: float = 106.0,
    expected_kw: float = 106.0,
    next_kw: float | None = 106.0,
    memory: LoopMemory | None = None,
) -> Decision:
    now = START + timedelta(minutes=minute)
    projection = project(START, now, so_far_kw=so_far_kw, expected_now_kw=expected_kw, next_kw=next_kw)
    return decide(projection, now, goal=GOAL, memory=memory or LoopMemory(LONG_AGO), settings=SETTINGS)


def test_margin_kw__two_sigmas_between_its_bounds() -> None:
    assert SETTINGS.margin_kw(1_000.0, 50.0) == 100.0
    assert SETTINGS.margin_kw(1_000.0, 5.0) == 60.0
    assert SETTINGS.margin_kw(1_000.0, 500.0) == 160.0


def test_project__weighs_by_time() -> None:
    projection = project(START, START + timedelta(minutes=5), so_far_kw=30.0, expected_now_kw=90.0, next_kw=None)

    assert projection.elapsed_s == 300.0
    assert projection.projected_kw == pytest.approx(30 / 3 + 90 * 2 / 3)


def test_project__before_the_interval_expects_the_plan() -> None:
    assert project(START, LONG_AGO, so_far_kw=0.0, expected_now_kw=90.0, next_kw=None).projected_kw == 90.0


def test_decide__dead_band_is_let_be() -> None:
    # 106 - 3 = 103 kW is inside the band of 3 % of the target; 102.9 kW is not.
    assert look(0, expected_kw=103.1) == Hold()
    assert isinstance(look(0, expected_kw=102.9), Redispatch)


def test_decide__small_losses_wait_for_the_hold_off() -> None:
    recent = LoopMemory(START - timedelta(seconds=240))

    assert look(0, expected_kw=102.0, memory=recent) == Hold()
    assert isinstance(look(1, expected_kw=102.0, so_far_kw=102.0, memory=recent), Redispatch)


def test_decide__losses_above_5_percent_wait_less_than_a_cycle() -> None:
    assert look(0, expected_kw=90.0, memory=LoopMemory(START - timedelta(seconds=30))) == Hold()
    # A cycle of one minute that comes a moment early must not cost another one.
    assert isinstance(look(0, expected_kw=90.0, memory=LoopMemory(START - timedelta(seconds=59.8))), Redispatch)
    assert isinstance(look(0, expected_kw=90.0, memory=LoopMemory(None)), Redispatch)


def test_decide__a_running_interval_catches_up() -> None:
    # 5 of 15 minutes at 100 kW: (106 - 100 / 3) x 3/2 = 109 kW for the rest.
    decision = look(5, so_far_kw=100.0, expected_kw=100.0)

    assert isinstance(decision, Redispatch)
    assert decision.first_interval == START
    assert decision.first_aim_kw == pytest.approx(109.0)
    assert decision.before_kw == pytest.approx(100.0)
    assert decision.reason == "expected 0.10 MW of 0.11 MW aimed at"
    assert not decision.trim


def test_decide__catching_up_is_capped() -> None:
    # (106 - 2/3 x 0) x 3 = 318 kW would be needed: capped at 1.25 x 106 kW.
    decision = look(10, so_far_kw=0.0, expected_kw=106.0)

    assert isinstance(decision, Redispatch)
    assert decision.first_aim_kw == pytest.approx(132.5)


def test_decide__too_late_for_the_running_interval() -> None:
    # 3 minutes are left: only the next interval can still be helped.
    assert look(12, so_far_kw=0.0, expected_kw=0.0) == Hold()
    decision = look(12, so_far_kw=0.0, expected_kw=0.0, next_kw=90.0)
    assert isinstance(decision, Redispatch)
    assert (decision.first_interval, decision.first_aim_kw) == (START + INTERVAL, 106.0)


def test_decide__next_interval_short_replans_from_the_running_one_at_the_aim() -> None:
    decision = look(5, next_kw=90.0)

    assert isinstance(decision, Redispatch)
    assert (decision.first_interval, decision.first_aim_kw, decision.before_kw) == (START, 106.0, 90.0)


def test_decide__last_interval_has_no_next() -> None:
    assert look(5, next_kw=None) == Hold()


def test_decide__trims_above_110_percent_for_two_cycles() -> None:
    memory = LoopMemory(LONG_AGO)

    assert look(1, next_kw=120.0, memory=memory) == Hold()
    decision = look(2, next_kw=120.0, memory=memory)

    assert isinstance(decision, Redispatch)
    assert decision.trim
    assert (decision.first_interval, decision.first_aim_kw) == (START + INTERVAL, 106.0)
    assert decision.reason == "expected 0.12 MW, more than 110% of 0.11 MW"
    assert memory.surplus_cycles == 0


def test_decide__trims_not_at_110_percent() -> None:
    memory = LoopMemory(LONG_AGO)

    assert [look(m, next_kw=116.6, memory=memory) for m in (1, 2, 3)] == [Hold()] * 3


def test_decide__what_is_needed_to_be_sure_of_the_aim_is_no_surplus() -> None:
    memory = LoopMemory(LONG_AGO)
    at = START + timedelta(minutes=5)
    projection = project(START, at, so_far_kw=110.0, expected_now_kw=110.0, next_kw=125.0)
    goals = [Goal(100.0, 106.0, next_need_kw=need_kw) for need_kw in (120.0, 110.0, 110.0)]

    decisions = [decide(projection, at, goal=goal, memory=memory, settings=SETTINGS) for goal in goals]

    assert decisions[:2] == [Hold(), Hold()]
    assert isinstance(decisions[2], Redispatch)
    assert decisions[2].reason == "expected 0.12 MW, more than 110% of 0.11 MW"


def test_decide__a_cycle_without_surplus_starts_the_count_anew() -> None:
    memory = LoopMemory(LONG_AGO)

    decisions = [look(m, next_kw=kw, memory=memory) for m, kw in ((1, 120.0), (2, 106.0), (3, 120.0))]

    assert decisions == [Hold()] * 3
    assert memory.surplus_cycles == 1


def test_decide__no_trim_right_behind_a_revision() -> None:
    memory = LoopMemory(START - timedelta(minutes=10))

    assert [look(m, next_kw=120.0, memory=memory) for m in (1, 2, 3, 4)] == [Hold()] * 4
    assert isinstance(look(5, next_kw=120.0, memory=memory), Redispatch)


def test_delivery__moves_from_the_prior_to_what_was_seen() -> None:
    seen = Delivery()
    assert seen.fraction(0.85, 6.0) == 0.85
    for _ in range(6):
        seen = seen.seen(100.0, 50.0)

    # Six minutes at 0.5 against a prior of 0.85 that weighs six minutes: 0.675.
    assert (seen.asked_kwmin, seen.verified_kwmin, seen.minutes) == (600.0, 300.0, 6.0)
    assert seen.fraction(0.85, 6.0) == pytest.approx(0.675)


def test_delivery__spread_narrows_with_what_was_seen() -> None:
    assert Delivery().sd(0.2, 6.0) == 0.2
    # 18 minutes on top of six: a quarter of the variance.
    assert Delivery(1800.0, 1500.0, 18.0).sd(0.2, 6.0) == pytest.approx(0.1)


def test_delivery__is_bounded() -> None:
    assert Delivery(100.0, -500.0, 60.0).fraction(0.85, 6.0) == 0.0
    assert Delivery(100.0, 500.0, 60.0).fraction(0.85, 6.0) == 1.3
    assert Delivery(0.0, 500.0, 60.0).fraction(0.85, 6.0) == 0.85


def test_expected_kw__lost_resources_give_nothing() -> None:
    asked = {"a": np.array([10.0, 20.0]), "b": np.array([30.0, 40.0])}

    assert expected_kw(asked, {"a": 0.5, "b": 1.0}, frozenset(), 1) == 50.0
    assert expected_kw(asked, {"a": 0.5, "b": 1.0}, frozenset({"b"}), 1) == 10.0


def test_stagger_s__spreads_evenly_from_zero() -> None:
    assert stagger_s(("a", "b", "c"), 1800.0) == {"a": 0.0, "b": 900.0, "c": 1800.0}
    assert stagger_s(("a",), 1800.0) == {"a": 0.0}
    assert stagger_s((), 1800.0) == {}


def test_prior_delivery__every_kind_has_one() -> None:
    assert set(SETTINGS.prior_delivery) == set(ResourceKind)
    assert SETTINGS.prior_delivery[ResourceKind.STORAGE] == 0.93


def test_delivery_priors__charging_is_the_least_predictable() -> None:
    priors = SETTINGS.delivery_priors()
    charging = priors["public_charging"], priors["residential_charging"]
    others = [prior for kind, prior in priors.items() if "charging" not in kind]

    assert set(priors) == {kind.value for kind in ResourceKind}
    assert min(prior.sd for prior in charging) > max(prior.sd for prior in others)
    assert min(prior.common_sd for prior in charging) > max(prior.common_sd for prior in others)


def test_event_day_prior__takes_the_programmes_events_a_day() -> None:
    prior = ControlSettings(event_days_per_season=30.0).event_day_prior(3)

    assert (prior.days_per_season, prior.events_most, prior.persistence) == (30.0, 3, 0.7)
