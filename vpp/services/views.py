"""The report of an event as plain data, read from the book and the archive; nobody writes facts here."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from vpp.domain.book import EventRecord
from vpp.domain.control import ControlSettings
from vpp.domain.events import EventState
from vpp.domain.fairness import gini
from vpp.domain.flexibility import Series
from vpp.domain.network import flow_on
from vpp.domain.outcome import Attainment, attainment, commanded_kw, response_kw
from vpp.domain.reasons import texts_of
from vpp.domain.settlement import Statement, district_net_kwh
from vpp.domain.timegrid import INTERVAL_H, TimeGrid, format_instant
from vpp.ports import NetworkForecasts
from vpp.services.decisions import reason_codes
from vpp.services.invariants import invariants
from vpp.services.measuring import Measured
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry
from vpp.services.settling import Settling, statements_digest

EMISSION_KG_PER_KWH = 0.7041
EMISSION_SOURCE = "Tianjin grid average 2022 (ministry announcement, December 2024)"
Json = dict[str, Any]


class Views:
    """Read models."""

    def __init__(
        self,
        recorder: Recorder,
        registry: Registry,
        settling: Settling,
        network: NetworkForecasts,
        settings: ControlSettings,
    ) -> None:
        self._recorder = recorder
        self._registry = registry
        self._settling = settling
        self._network = network
        self._settings = settings

    async def report(self, event_id: str) -> Json:
        """``report.json`` without what only a simulation knows (scenario, seed, truth) and the log's hash.

        Raises:
            UnknownThingError: no such event.
        """
        record = self._recorder.book.event(event_id)
        measured = await self._settling.measure(event_id)
        statements = self._settling.statements_of(record, measured)
        peak_kw = record.reference_peak.reference_peak_kw if record.reference_peak else float("nan")
        attained = attainment(measured.waterfall.verified_kw, record.target_kw, peak_kw)
        count = len(record.grid)
        return {
            "event": _event(record),
            "reference_peak_kw": peak_kw,
            "reference_peak": _reference_peak(record),
            "target_percent": 100.0 * float(record.target_kw.max()) / peak_kw,
            "interval_starts": _starts(record.grid),
            "target_kw": _list(record.target_kw),
            "waterfall": {
                name: _list(getattr(measured.waterfall, name))
                for name in ("committed_kw", "commanded_kw", "acknowledged_kw", "metered_kw", "verified_kw")
            },
            "attainment": {
                "min_percent": attained.min_percent,
                "mean_percent": attained.mean_percent,
                "met": attained.met,
            },
            "verdict": _verdict(attained, record),
            "shortfall": self._shortfall(record, attained),
            "capability": self._capability(record, peak_kw),
            "by_kind": self._by_kind(record, measured),
            "by_node": await self._by_node(record, measured),
            "load": {
                "interval_starts": _starts(measured.grid),
                "actual_kw": _list(np.nansum(measured.power_kw(len(measured.grid)), axis=0)),
                "baseline_kw": _list(self._baseline_sum(record, measured.called, len(measured.grid))),
                "no_event_kw": None,
            },
            "rebound": {"peak_percent_of_baseline": self._rebound(record, measured)},
            "redispatches": [
                {
                    "at": format_instant(plan.at),
                    "reason": plan.reason,
                    "revision": plan.revision,
                    "before_kw": plan.before_kw,
                    "after_kw": float(np.min(plan.expected_kw)) if plan.expected_kw else None,
                }
                for plan in record.plans[1:]
            ],
            "participants": self._participants(record, statements),
            "settlement": _settlement(record, statements),
            "baselines": _baselines(record),
            "fairness": self._fairness(record),
            "emissions": self._emissions(record, measured),
            "solver": _solver(record),
            "energy_price_cny_per_kwh": list(record.plans[0].energy_price_cny_per_kwh) if record.plans else [],
            "invariants": invariants(self._recorder.book, record, self._registry, statements, measured)
            if count
            else {},
        }

    def _by_kind(self, record: EventRecord, measured: Measured) -> dict[str, list[float]]:
        totals: dict[str, Series] = {}
        for resource_id, verified in self._verified(record, measured).items():
            kind = self._registry.fleet.resource(resource_id).kind.value
            totals[kind] = totals.get(kind, np.zeros(len(record.grid))) + verified
        return {kind: _list(values) for kind, values in sorted(totals.items())}

    def _verified(self, record: EventRecord, measured: Measured) -> dict[str, Series]:
        """Verified response per called resource, shape (T,), from its first call on."""
        count = len(record.grid)
        power = measured.power_kw(count)
        asked = commanded_kw(record)
        verified: dict[str, Series] = {}
        for row, resource_id in enumerate(measured.called):
            first = int(np.flatnonzero(asked[resource_id] > 0)[0])
            response = response_kw(record.baseline_kw(resource_id)[:count], power[row], record.declaration.direction)
            counted = np.isfinite(response) & measured.good[row] & (np.arange(count) >= first)
            verified[resource_id] = np.where(counted, response, 0.0)
        return verified

    async def _by_node(self, record: EventRecord, measured: Measured) -> Json:
        """Per node, each interval on the tree as it stood at its start."""
        registered, changes = self._registry.registered, self._registry.network
        forecast = await self._network.node_flow_kw(record.grid)
        verified = self._verified(record, measured)
        flow = {node_id: np.zeros(len(record.grid)) for node_id in registered.nodes if node_id in forecast}
        totals = {node_id: np.zeros(len(record.grid)) for node_id in registered.nodes}
        for t, interval in enumerate(record.grid):
            tree = changes.tree_of(registered, interval)
            for node_id, series in flow_on(tree, registered, {n: forecast[n][t : t + 1] for n in flow}).items():
                flow[node_id][t] = series[0]
            for resource_id, values in verified.items():
                for node_id in tree.node_path(tree.site_of(resource_id).node_id):
                    totals[node_id][t] += values[t]
        sign = record.declaration.direction.sign
        return {
            node_id: {
                "name": node.name,
                "parent_id": self._registry.fleet.nodes[node_id].parent_id,
                "verified_kw": _list(totals[node_id]),
                "forecast_kw": _list(flow[node_id]),
                "net_flow_kw": _list(flow[node_id] - sign * totals[node_id]),
                "import_limit_kw": node.import_limit_kw,
                "import_limits_kw": _list(changes.limits_kw(node, record.grid)[0]),
            }
            for node_id, node in registered.nodes.items()
            if node_id in flow
        }

    @staticmethod
    def _baseline_sum(record: EventRecord, called: Sequence[str], count: int) -> Series:
        return np.asarray(sum((record.baseline_kw(r)[:count] for r in called), np.zeros(count)), dtype=np.float64)

    @staticmethod
    def _rebound(record: EventRecord, measured: Measured) -> float | None:
        """Largest called load in the recovery over the largest of the day's summed baseline, in percent."""
        if record.baselines is None or not measured.called:
            return None
        day = np.sum([record.baselines.day_baseline_kw[r] for r in measured.called], axis=0)
        after = measured.power_kw(len(measured.grid))[:, len(record.grid) :]
        recovery = np.nansum(after, axis=0)[np.isfinite(after).any(axis=0)]
        return 100.0 * float(recovery.max()) / float(day.max()) if recovery.size and day.max() > 0 else None

    def _participants(self, record: EventRecord, statements: Sequence[Statement]) -> list[Json]:
        fleet = self._registry.fleet
        by_id = {statement.participant_id: statement for statement in statements}
        invited = record.invitation.participant_ids if record.invitation else tuple(by_id)
        codes = reason_codes(record)
        entries: list[Json] = []
        for participant_id in invited:
            statement = by_id.get(participant_id)
            participant = fleet.participants[participant_id]
            resources = fleet.by_participant[participant_id]
            entries.append(
                {
                    "id": participant_id,
                    "name": participant.name,
                    "name_zh": participant.name_zh,
                    "site_ids": list(dict.fromkeys(fleet.resources[r].site_id for r in resources)),
                    "response_kwh": float(statement.net_kwh) if statement else 0.0,
                    "committed_kwh": float(statement.committed_kwh) if statement else 0.0,
                    "performance_ratio": float(statement.ratio) if statement and statement.ratio is not None else None,
                    "factor": float(statement.factor) if statement and statement.factor is not None else None,
                    "payment_cny": f"{statement.payment_cny:.2f}" if statement else "0.00",
                    "reasons": [
                        _reason(code) for code in sorted({codes[r] for r in resources if r in codes}, key=_called_first)
                    ],
                }
            )
        return entries

    def _capability(self, record: EventRecord, peak_kw: float) -> Json:
        fleet = self._registry.fleet
        connected = sum(fleet.resources[r].rated_kw for r in self._registry.in_scope(record.declaration.scope_node_id))
        offered = record.plans[0].offered_kw if record.plans else ()
        return {
            "connected_kw": connected,
            "declared_kw": float(max(offered, default=0.0)),
            "reachable_kw": list(offered),
            "enrolled_share": float(min(offered, default=0.0)) / peak_kw,
        }

    @staticmethod
    def _shortfall(record: EventRecord, attained: Attainment) -> Json:
        last = record.plans[-1] if record.plans else None
        return {
            "kw": list(attained.shortfall_kw),
            "largest_kw": list(last.expected_kw) if last and last.outcome == "unreachable" else [],
            "binding": [
                {"name": limit.name, "interval": limit.interval, "text": limit.text}
                for limit in (last.binding if last else ())
            ],
        }

    def _fairness(self, record: EventRecord) -> Json:
        """Gini of curtailed hours over everybody who could have been called this season."""
        hours = dict.fromkeys(record.commitment.resource_ids if record.commitment else (), 0.0)
        for past in self._recorder.book.events.values():
            for resource_id, asked in commanded_kw(past).items():
                if resource_id in hours:
                    hours[resource_id] += float(np.count_nonzero(asked > 0)) * INTERVAL_H
        return {"gini": gini(list(hours.values()))}

    def _emissions(self, record: EventRecord, measured: Measured) -> Json:
        """Energy not used at all, net of what came back, and energy merely moved."""
        count, whole = len(record.grid), len(measured.grid)
        baseline = np.array([record.baseline_kw(r)[:whole] for r in measured.called]).reshape(-1, whole)
        change = response_kw(baseline, measured.power_kw(whole), record.declaration.direction)
        during = float(np.nansum(change[:, :count])) * INTERVAL_H
        after = float(np.nansum(change[:, count:])) * INTERVAL_H
        net = during + after
        shifted = max(0.0, min(during, -after))
        # More consumption is no emission avoided.
        net *= record.declaration.direction.sign
        return {
            "shed_kwh_net_of_rebound": net,
            "shifted_kwh": shifted,
            "factor": EMISSION_KG_PER_KWH,
            "factor_source": EMISSION_SOURCE,
            "kg": net * EMISSION_KG_PER_KWH,
        }


def _event(record: EventRecord) -> Json:
    declaration = record.declaration
    return {
        "id": declaration.event_id,
        "start": format_instant(declaration.start),
        "end": format_instant(declaration.end),
        "direction": declaration.direction.value,
        "kind": declaration.kind.value,
        "program": declaration.program_id,
        "states": [{"state": state.value, "at": format_instant(at)} for state, at in record.states],
    }


def _reference_peak(record: EventRecord) -> Json:
    peak = record.reference_peak
    if peak is None:
        return {"kw": None, "source": None, "date": None}
    return {
        "kw": peak.reference_peak_kw,
        "source": peak.reference_peak_source,
        "date": peak.reference_peak_date.isoformat(),
    }


def _verdict(attained: Attainment, record: EventRecord) -> Json:
    """In words; a share is cut off and a shortfall raised at its last digit, so that neither flatters."""
    percent = f"{math.floor(attained.min_percent * 1000) / 1000:.3f}"
    if attained.met:
        return {
            "text_en": f"met: at least {percent} % of the reference peak verified in every interval",
            "text_zh": f"达标：每个时段核定响应均不低于基准峰值的 {percent} %",
        }
    short_mw = f"{math.ceil(max(attained.shortfall_kw) / 10) / 100:.2f}"
    first_of = {limit.name: limit.text for limit in reversed(record.plans[-1].binding)} if record.plans else {}
    limits = "; ".join(first_of[name] for name in sorted(first_of, key=lambda n: _place(record, n))[:3])
    return {
        "text_en": f"missed by up to {short_mw} MW" + (f"; binding: {limits}" if limits else ""),
        "text_zh": f"未达标：最大缺口 {short_mw} MW" + (f"；起约束作用的限制：{limits}" if limits else ""),
    }


def _place(record: EventRecord, name: str) -> int:
    """Where a limit first stands in the newest plan's list."""
    return next(i for i, limit in enumerate(record.plans[-1].binding) if limit.name == name)


def _settlement(record: EventRecord, statements: Sequence[Statement]) -> Json:
    return {
        "program": record.declaration.program_id,
        "currency": "CNY",
        "total_payment_cny": f"{sum(s.payment_cny for s in statements):.2f}",
        "total_response_kwh": f"{district_net_kwh(statements):f}",
        "statements_sha256": statements_digest(statements),
        "provisional": record.state is not EventState.SETTLED,
    }


def _baselines(record: EventRecord) -> Json:
    placebo = record.baselines.placebo if record.baselines else {}
    methods = sorted({text.split(" ")[0] for text in record.baselines.methods.values()}) if record.baselines else []
    return {
        "method": ", ".join(methods),
        "placebo_bias_percent": placebo.get("bias_percent"),
        "placebo_cvrmse_percent": placebo.get("cvrmse_percent"),
        "placebo_bias_unadjusted_percent": placebo.get("unadjusted_bias_percent"),
        "placebo_cvrmse_unadjusted_percent": placebo.get("unadjusted_cvrmse_percent"),
        "placebo_days": placebo.get("days"),
        "margin_kw": record.plans[-1].margin_kw if record.plans else None,
    }


def _solver(record: EventRecord) -> Json:
    first = record.plans[0] if record.plans else None
    return {
        "method": first.source if first else None,
        "status": first.status if first else None,
        "gap": first.gap if first else None,
        "wall_s": sum(plan.wall_s for plan in record.plans),
    }


def _reason(code: str) -> Json:
    english, chinese = texts_of(code)
    return {"code": code, "text_en": english, "text_zh": chinese}


def _called_first(code: str) -> tuple[bool, str]:
    return code != "called", code


def _starts(grid: TimeGrid) -> list[str]:
    return [format_instant(start) for start in grid]


def _list(values: Series) -> list[float]:
    return [float(x) for x in values]
