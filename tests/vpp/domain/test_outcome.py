"""The five figures, worked by hand."""

from datetime import timedelta

import numpy as np
import pytest

from tests.vpp.domain.event_samples import (
    START,
    acked,
    advanced,
    frozen,
    issued,
    record_of,
    sample_command,
)
from vpp.domain.commands import AckState, CommandMode
from vpp.domain.events import Direction, EventStep
from vpp.domain.outcome import (
    acknowledged_kw,
    attainment,
    called_from,
    commanded_kw,
    commanded_response_kw,
    response_kw,
    waterfall,
)
from vpp.domain.timegrid import INTERVAL

NAN = float("nan")
RATED = 200.0
ALL_GOOD = np.full(4, fill_value=True)
BASELINES = {"line-1": [100.0] * 4, "line-2": [80.0] * 4, "bat-1": [0.0] * 4}


def test_waterfall__three_resources_by_hand() -> None:
    # line-1 is called throughout for 40 kW; line-2 late, in the third interval only, for 30 kW; bat-1 never.
    record = record_of(
        frozen(BASELINES),
        issued(
            sample_command("line-1", 1, [60.0] * 4, [100.0] * 4),
            sample_command("line-2", 2, [RATED, RATED, 50.0, RATED], [80.0] * 4),
        ),
        acked(1, ("c1", "line-1", AckState.APPLIED), ("c2", "line-2", AckState.RECEIVED)),
    )
    figures = waterfall(
        record,
        power_kw={"line-1": np.array([60.0, NAN, 70.0, 60.0]), "line-2": np.array([10.0, 10.0, 50.0, 100.0])},
        good={"line-1": np.array([True, True, False, True]), "line-2": ALL_GOOD},
        committed=np.array([90.0] * 4),
    )

    assert figures.committed_kw.tolist() == [90.0] * 4
    assert figures.commanded_kw.tolist() == [40.0, 40.0, 70.0, 40.0]
    assert figures.acknowledged_kw.tolist() == [40.0] * 4
    # line-1: 40, nothing metered, 30 (a suspect reading), 40. line-2: 70 and 70 before its call do not count, then
    # 80 - 50 = 30, and 80 - 100 = -20 of payback after its own call.
    assert figures.metered_kw.tolist() == [40.0, 0.0, 60.0, 20.0]
    assert figures.verified_kw.tolist() == [40.0, 0.0, 30.0, 20.0]


def test_waterfall__nobody_called() -> None:
    figures = waterfall(record_of(frozen({})), power_kw={}, good={}, committed=np.zeros(4))

    assert figures.commanded_kw.tolist() == figures.verified_kw.tolist() == [0.0] * 4


def test_commanded_kw__the_newest_command_covering_an_interval_counts() -> None:
    second = sample_command("line-1", 2, [90.0, 90.0], [100.0, 100.0], first=START + 2 * INTERVAL)
    record = record_of(frozen(BASELINES), issued(sample_command("line-1", 1, [60.0] * 4, [100.0] * 4)), issued(second))

    assert commanded_kw(record)["line-1"].tolist() == [40.0, 40.0, 10.0, 10.0]


def test_commanded_kw__nothing_behind_a_cancellation() -> None:
    record = record_of(
        frozen(BASELINES),
        issued(sample_command("line-1", 1, [60.0] * 4, [100.0] * 4)),
        advanced(EventStep.ACTIVATE),
        advanced(EventStep.CANCEL, at=START + timedelta(minutes=20)),
    )

    assert commanded_kw(record)["line-1"].tolist() == [40.0, 40.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("mode", "direction", "setpoint", "expected"),
    [
        (CommandMode.AT_MOST, Direction.CURTAIL, 60.0, 40.0),
        (CommandMode.AT_MOST, Direction.CURTAIL, 130.0, 0.0),
        (CommandMode.AT_LEAST, Direction.FILL, 130.0, 30.0),
        (CommandMode.AT_LEAST, Direction.FILL, 0.0, 0.0),
        (CommandMode.EXACTLY, Direction.CURTAIL, -20.0, 120.0),
        (CommandMode.EXACTLY, Direction.CURTAIL, 130.0, 0.0),
        (CommandMode.EXACTLY, Direction.FILL, 130.0, 30.0),
        (CommandMode.EXACTLY, Direction.FILL, -20.0, 0.0),
    ],
)
def test_commanded_response_kw__by_mode(
    mode: CommandMode, direction: Direction, setpoint: float, expected: float
) -> None:
    command = sample_command("line-1", 1, [setpoint] * 4, [100.0] * 4, mode=mode)
    record = record_of(frozen(BASELINES), issued(command))

    assert commanded_response_kw(record.commands["line-1"][0], START + INTERVAL, direction) == expected


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ([], 0.0),
        ([AckState.RECEIVED], 0.0),
        ([AckState.AWAITING_PERSON], 0.0),
        ([AckState.APPLIED], 40.0),
        ([AckState.APPLIED, AckState.EXPIRED], 40.0),
        ([AckState.REFUSED], 0.0),
        ([AckState.EXPIRED], 0.0),
        ([AckState.RECEIVED, AckState.EXPIRED], 0.0),
    ],
)
def test_acknowledged_kw__applied_counts(stages: list[AckState], expected: float) -> None:
    record = record_of(
        frozen(BASELINES),
        issued(sample_command("line-1", 1, [60.0] * 4, [100.0] * 4)),
        *(acked(seq, ("c1", "line-1", stage)) for seq, stage in enumerate(stages, start=1)),
    )

    assert acknowledged_kw(record, commanded_kw(record)).tolist() == [expected] * 4


def test_called_from__first_interval_with_a_response() -> None:
    assert called_from(np.array([0.0, 1e-9, 5.0])) == 2
    assert called_from(np.zeros(3)) is None


def test_response_kw__positive_in_the_asked_direction() -> None:
    baseline, power = np.array([100.0]), np.array([130.0])

    assert response_kw(baseline, power, Direction.CURTAIL).tolist() == [-30.0]
    assert response_kw(baseline, power, Direction.FILL).tolist() == [30.0]


def test_attainment__never_rounds_up() -> None:
    target = np.array([50.0, 50.0])
    almost = np.nextafter(50.0, 0.0)

    missed = attainment(np.array([60.0, almost]), target, 1_000.0)
    met = attainment(np.array([60.0, 50.0]), target, 1_000.0)

    assert not missed.met
    assert missed.min_percent < 5.0
    assert missed.shortfall_kw[0] == 0.0
    assert missed.shortfall_kw[1] > 0.0
    assert (met.met, met.min_percent, met.mean_percent, met.shortfall_kw) == (True, 5.0, 5.5, (0.0, 0.0))
