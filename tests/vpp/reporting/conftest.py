"""A report of the size of a district's afternoon, with figures of realistic order."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

ReportBuilder = Callable[[], dict[str, Any]]

START = datetime(2026, 7, 22, 6, 0, tzinfo=UTC)
INTERVALS = 8
REFERENCE_PEAK_KW = 1_000_000.0
TARGET_KW = 50_000.0
KIND_MEAN_KW = {
    "factory_line": 21_400.0,
    "factory_process": 12_600.0,
    "cooling": 10_900.0,
    "public_charging": 3_850.0,
    "residential_charging": 1_120.0,
    "storage": 4_300.0,
}
NODE_NAMES = (
    "北辰 220 kV Beichen", "宜兴埠 110 kV Yixingbu", "双街 110 kV Shuangjie", "小淀 110 kV Xiaodian",
    "大张庄 110 kV Dazhangzhuang", "西堤头 110 kV Xiditou", "青光 35 kV Qingguang", "天穆 35 kV Tianmu",
    "雪花网一站 Snowflake 1", "雪花网二站 Snowflake 2", "雪花网三站 Snowflake 3", "雪花网 10 kV 线 01",
    "雪花网 10 kV 线 02", "雪花网 10 kV 线 03", "雪花网 10 kV 线 04", "雪花网 10 kV 线 05",
)  # fmt: skip
REASONS = (
    ("called_cheap", "called in full: among the cheapest offers", "全额调用：报价最低之列"),
    ("called_part", "called in part: the target was reached with less", "部分调用：已满足目标"),
    ("reserve", "held as reserve until delivery was known", "留作备用，待掌握履约情况"),
    ("node_limit", "skipped: line 03 would exceed its rating on recovery", "未调用：恢复时线路 03 将超限"),
    ("declined", "declined the invitation", "谢绝邀约"),
)


def _wave(mean: float, index: int, *, share: float = 0.03, phase: float = 0.0) -> float:
    return round(mean * (1.0 + share * math.sin(1.3 * index + phase)), 3)


def _stamp(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _participant(index: int) -> dict[str, Any]:
    declined, skipped = index % 23 == 22, index % 8 == 3
    committed = 0.0 if declined or skipped else round(6200.0 / (1.0 + 0.09 * index), 1)
    ratio = None if declined or skipped else round(0.98 + 0.24 * math.sin(2.1 * index), 4)
    factor = None if ratio is None else 0.2 if ratio < 0.8 else 1.0
    energy = 0.0 if ratio is None else round(committed * ratio, 1)
    code, english, chinese = REASONS[4] if declined else REASONS[3] if skipped else REASONS[index % 3]
    return {
        "id": f"p-{index:04d}",
        "name": f"Beichen Precision Machinery {index:03d}",
        "name_zh": f"北辰精密机械{index:03d}厂",
        "site_ids": [f"s-{index:04d}-{k}" for k in range(1 + index % 3)],
        "response_kwh": energy,
        "committed_kwh": committed,
        "performance_ratio": ratio,
        "factor": factor,
        "payment_cny": 0.0 if factor is None else round(energy * factor * 1.2, 2),
        "reasons": [{"code": code, "text_en": english, "text_zh": chinese}],
    }


def _node(index: int, name: str) -> dict[str, Any]:
    limit = 520_000.0 if index == 0 else 120_000.0 if index < 6 else 40_000.0 if index < 11 else 9_000.0
    forecast = limit * (0.62 + 0.045 * (index % 9))
    verified = forecast * 0.055
    return {
        "name": name,
        "verified_kw": [_wave(verified, t, phase=index) for t in range(INTERVALS)],
        "net_flow_kw": [_wave(forecast - verified, t, share=0.01) for t in range(INTERVALS)],
        "import_limit_kw": limit,
        "forecast_kw": [_wave(forecast, t, share=0.01) for t in range(INTERVALS)],
    }


def _load() -> dict[str, Any]:
    day_start = START - timedelta(hours=2)
    starts = [day_start + timedelta(minutes=m) for m in range(6 * 60)]
    baseline = [318_000.0 + 14_000.0 * math.sin(m / 115.0) for m in range(len(starts))]
    shape = [_pulse(m) for m in range(len(starts))]
    noise = [1900.0 * math.sin(0.9 * m) * math.cos(0.37 * m) for m in range(len(starts))]
    no_event = [b + 1500.0 * math.sin(m / 40.0) + n for m, (b, n) in enumerate(zip(baseline, noise, strict=True))]
    return {
        "interval_starts": [_stamp(at) for at in starts],
        "actual_kw": [round(b - 54_000.0 * s, 1) for b, s in zip(no_event, shape, strict=True)],
        "baseline_kw": [round(b, 1) for b in baseline],
        "no_event_kw": [round(b, 1) for b in no_event],
    }


def _pulse(minute: int) -> float:
    """Share of the response at a minute of the afternoon: on from 120 to 240, then a slow payback."""
    if minute < 120:
        return 0.0
    if minute < 240:
        return min(1.0, (minute - 117) / 8.0)
    return -0.32 * math.exp(-(minute - 240) / 45.0)


def _states() -> list[dict[str, str]]:
    names = ("draft", "approved", "invited", "committed", "active", "releasing", "verifying", "settled")
    hours = (-22.0, -21.5, -21.0, -4.0, 0.0, 2.0, 2.5, 50.0)
    return [
        {"state": name, "at": _stamp(START + timedelta(hours=hour))} for name, hour in zip(names, hours, strict=True)
    ]


def example_report() -> dict[str, Any]:
    """8 intervals, 6 kinds, 16 nodes, 200 participants; the target is met."""
    starts = [_stamp(START + t * timedelta(minutes=15)) for t in range(INTERVALS)]
    by_kind = {
        kind: [_wave(mean, t, phase=i) for t in range(INTERVALS)] for i, (kind, mean) in enumerate(KIND_MEAN_KW.items())
    }
    verified = [round(sum(values[t] for values in by_kind.values()), 3) for t in range(INTERVALS)]
    participants = [_participant(index) for index in range(200)]
    return {
        "scenario": "summer-peak",
        "seed": 1,
        "log_hash": "9f2c" * 16,
        "event": {
            "id": "evt-2026-07-22-1",
            "start": starts[0],
            "end": _stamp(START + INTERVALS * timedelta(minutes=15)),
            "direction": "curtail",
            "program": "beichen-demo",
            "states": _states(),
        },
        "reference_peak_kw": REFERENCE_PEAK_KW,
        "reference_peak": {"kw": REFERENCE_PEAK_KW, "source": "assumed for the district", "date": "2025-07-28"},
        "target_percent": 5.0,
        "interval_starts": starts,
        "target_kw": [TARGET_KW] * INTERVALS,
        "waterfall": {
            "committed_kw": [66_500.0] * INTERVALS,
            "commanded_kw": [_wave(58_800.0, t, share=0.01) for t in range(INTERVALS)],
            "acknowledged_kw": [_wave(57_300.0, t, share=0.015) for t in range(INTERVALS)],
            "metered_kw": [round(value * 1.012, 3) for value in verified],
            "verified_kw": verified,
        },
        "truth": {"response_kw": [_wave(53_400.0, t, phase=0.4) for t in range(INTERVALS)]},
        "attainment": {
            "min_percent": 100.0 * min(verified) / REFERENCE_PEAK_KW,
            "mean_percent": 100.0 * sum(verified) / INTERVALS / REFERENCE_PEAK_KW,
            "met": min(verified) >= TARGET_KW,
        },
        "verdict": {
            "text_en": "The target of 50.00 MW was reached in all 8 intervals.",
            "text_zh": "8 个时段全部达到 50.00 MW 的目标。",
        },
        "shortfall": {"kw": [0.0] * INTERVALS, "largest_kw": [TARGET_KW] * INTERVALS, "binding": []},
        "capability": {
            "connected_kw": 242_000.0,
            "declared_kw": 91_000.0,
            "reachable_kw": [_wave(71_000.0, t) for t in range(INTERVALS)],
            "enrolled_share": 0.331,
        },
        "load": _load(),
        "by_kind": by_kind,
        "by_node": {f"n-{i:02d}": _node(i, name) for i, name in enumerate(NODE_NAMES)},
        "rebound": {"peak_percent_of_baseline": 101.7},
        "redispatches": [
            {
                "at": "2026-07-22T06:17:00Z",
                "reason": "shortfall",
                "revision": 2,
                "before_kw": 47_900.0,
                "after_kw": 53_100.0,
            },
            {
                "at": "2026-07-22T07:04:00Z",
                "reason": "trim",
                "revision": 3,
                "before_kw": 57_400.0,
                "after_kw": 53_900.0,
            },
        ],
        "participants": participants,
        "settlement": {
            "program": "beichen-demo",
            "currency": "CNY",
            "total_payment_cny": f"{sum(line['payment_cny'] for line in participants):.2f}",
            "total_response_kwh": f"{sum(line['response_kwh'] for line in participants):.1f}",
            "statements_sha256": "51ab" * 16,
            "provisional": False,
        },
        "baselines": {
            "method": "last5_normal_days",
            "placebo_bias_percent": -0.4,
            "placebo_cvrmse_percent": 4.1,
            "placebo_cvrmse_unadjusted_percent": 10.3,
            "margin_kw": 2600.0,
        },
        "fairness": {"gini": 0.412},
        "emissions": {"shed_kwh_net_of_rebound": 71_300.0, "shifted_kwh": 34_900.0, "factor": 0.5366, "kg": 38_259.6},
        "solver": {"method": "exact", "status": "Optimal", "gap": 0.0, "wall_s": 1.82},
        "invariants": {
            "protected_never_called": "ok",
            "only_committed_called": "ok",
            "setpoints_within_rating": "ok",
            "commands_ordered": "ok",
            "acknowledged_not_above_commanded": "ok",
            "statements_sum_to_district": "ok",
        },
    }


@pytest.fixture
def build_report() -> ReportBuilder:
    """Builds a fresh report that a test may change."""
    return example_report
