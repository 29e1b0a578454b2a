from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from simulator.files import ScenarioFileError
from simulator.scenario import Answer, Scenario, draw_answers, draw_faults, load_scenario


@pytest.mark.parametrize("name", ["summer-peak", "summer-peak-silent", "under-enrolled", "quick"])
def test_load_scenario__every_shipped_one_loads(configs: Path, name: str) -> None:
    scenario = load_scenario(configs / "scenarios" / f"{name}.yaml")

    assert scenario.name == name
    assert scenario.event.target_percent == 5.0
    assert scenario.window.start == datetime(2026, 7, 22, 4, tzinfo=UTC)
    assert scenario.window.minutes == 360
    assert scenario.event.start == datetime(2026, 7, 22, 6, tzinfo=UTC)


def test_load_scenario__a_network_and_a_direction_of_its_own(configs: Path) -> None:
    fault = load_scenario(configs / "scenarios" / "line-fault-transfer.yaml")
    valley = load_scenario(configs / "scenarios" / "valley-fill.yaml")

    (transfer,) = fault.network.transfers
    assert transfer.at == datetime(2026, 7, 22, 6, 20, tzinfo=UTC)
    assert transfer.told_at - transfer.at == timedelta(seconds=25)
    assert [limit.import_limit_kw for limit in fault.network.limits] == [26_800.0]
    assert (fault.event.direction, valley.event.direction) == ("curtail", "fill")


def test_load_scenario__timers_have_cars_full_before_they_leave(configs: Path) -> None:
    valley = load_scenario(configs / "scenarios" / "valley-fill.yaml")
    plant = valley.make_plant(1)
    piles = plant.district.devices.piles
    sessions = plant.exogenous.sessions
    timed = np.isfinite(piles.ready_margin_min)[:, None] & (sessions.arrive < 10**9) & (sessions.begin > 0)

    assert piles.ready_margin_min[piles.pattern >= 2.0].tolist() == [60.0] * int((piles.pattern >= 2.0).sum())
    assert np.isnan(piles.ready_margin_min[piles.pattern < 2.0]).all()
    assert (sessions.begin >= sessions.arrive)[timed].all()
    full = sessions.begin + np.ceil(60.0 * sessions.energy_kwh / np.maximum(sessions.power_kw, 1e-9))
    waits = timed & (sessions.begin > sessions.arrive)
    assert waits.any()
    assert (sessions.depart - full)[waits].min() >= 60
    assert (full <= sessions.depart)[timed].all()


def test_enrolled_resources__share_is_exact_by_count(summer_peak: Scenario) -> None:
    district = summer_peak.district
    for kind, share in summer_peak.spec.enrolment.share.items():
        able = [r for r in district.resources if r.kind == kind and district.callable_resource(r)]
        signed = [r for r in able if r.id in summer_peak.enrolled]
        assert len(signed) == round(share * len(able))


def test_draw_faults__tenth_of_the_enrolled_is_silent(configs: Path) -> None:
    scenario = load_scenario(configs / "scenarios" / "summer-peak-silent.yaml")

    first, second = draw_faults(scenario, 1), draw_faults(scenario, 2)

    enrolled = np.array([r.id in scenario.enrolled for r in scenario.district.resources])
    assert first.silent.sum() == second.silent.sum() == round(0.1 * enrolled.sum())
    assert (first.silent & enrolled).sum() == first.silent.sum()
    assert (first.silent != second.silent).any()


def test_draw_faults__kinds_do_not_overlap_and_delivery_is_as_stated(summer_peak: Scenario) -> None:
    faults = draw_faults(summer_peak, 3)

    late = faults.late_minutes > 0
    stack = faults.silent.astype(int) + faults.refuses + faults.ignores + late
    assert stack.max() == 1
    assert faults.refuses.any()
    assert faults.ignores.any()
    assert late.any()
    assert 0.3 <= faults.delivery.min() < faults.delivery.max() <= 1.15
    assert faults.delivery.mean() == pytest.approx(0.88, abs=0.03)
    assert faults.link_drops[0].start == datetime(2026, 7, 22, 6, 37, tzinfo=UTC)


def test_draw_answers__same_seed_same_answers(summer_peak: Scenario) -> None:
    answers = draw_answers(summer_peak, 1)

    assert answers == draw_answers(summer_peak, 1)
    assert answers != draw_answers(summer_peak, 2)
    assert 0.9 < np.mean([answer.accepts for answer in answers.values()]) < 1.0
    assert all(1 <= answer.delay_minutes <= 12 for answer in answers.values())


def test_answer_at__who_is_given_less_time_answers_sooner() -> None:
    invited_at = datetime(2026, 7, 22, 4, tzinfo=UTC)
    answer = Answer(accepts=True, delay_minutes=10.0)

    assert answer.at(invited_at, invited_at + timedelta(minutes=25)) == invited_at + timedelta(minutes=10)
    assert answer.at(invited_at, invited_at + timedelta(minutes=40)) == invited_at + timedelta(minutes=10)
    assert answer.at(invited_at, invited_at + timedelta(minutes=5)) == invited_at + timedelta(minutes=2)


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("history_days: 45", "history_days: 44", "", "expected 45 values (history_days and the event day), found 46"),
        ('declare_at: "12:05"', 'declare_at: "14:05"', "", "window.start <= declare_at < start < end <= window.end"),
        ("target_percent: 5.0", "target_percent: 0", "event.target_percent", "greater than 0"),
        ("cooling: 1.0", "heating: 1.0", "enrolment.share.heating.[key]", "'cooling'"),
        ("silent_share: 0.05", "silent_share: lots", "faults.silent_share", "valid number"),
        ("district: ../districts/quick.yaml", "district: none.yaml", "", "none.yaml: cannot be read"),
    ],
)
def test_load_scenario__says_what_is_wrong(  # noqa: PLR0917 - parametrised
    tmp_path: Path, configs: Path, old: str, new: str, key: str, words: str
) -> None:
    text = (configs / "scenarios" / "quick.yaml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "broken.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(ScenarioFileError) as caught:
        load_scenario(path)

    assert caught.value.key == key
    assert words in str(caught.value)
