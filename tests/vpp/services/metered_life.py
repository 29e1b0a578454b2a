"""Meters that follow the setpoints in force, and a life lived minute by minute through the runner."""

from dataclasses import dataclass
from datetime import timedelta

from tests.vpp.domain.event_samples import END, EVENT
from tests.vpp.services.service_rig import BASELINE_KW, MINUTE, ack_all
from vpp.bootstrap import Controller
from vpp.domain.telemetry import Reading
from vpp.domain.timegrid import floor_interval
from vpp.services.runner import next_cycle

OVER = END + timedelta(hours=2, minutes=2)
GATEWAYS = {"gw-1": ("line-1", "line-2"), "gw-2": ("cool-1",), "gw-3": ("bat-1",)}


@dataclass
class Meters:
    """Registers that run on, minute by minute, at the setpoint in force or the baseline."""

    controller: Controller
    register_mwh: dict[str, int]
    seq: int = 0
    event_id: str = EVENT

    async def tick(self, silent: frozenset[str] = frozenset()) -> None:
        now = self.controller.clock.now()
        at = now.replace(second=0, microsecond=0)
        self.seq += 1
        for gateway_id, ids in GATEWAYS.items():
            readings = []
            for resource_id in ids:
                power = BASELINE_KW[resource_id] if resource_id in silent else self._power(resource_id)
                self.register_mwh[resource_id] += round(power * 1_000_000 / 60)
                readings.append(Reading(resource_id, at, power, self.register_mwh[resource_id] // 1000))
            await self.controller.ingest.on_telemetry(gateway_id, self.seq, readings)

    def _power(self, resource_id: str) -> float:
        record = self.controller.recorder.book.events.get(self.event_id)
        begun = self.controller.clock.now() - MINUTE
        held = (
            record.in_force(resource_id, floor_interval(begun))
            if record and record.grid.start <= begun < record.grid.end
            else None
        )
        if held is None or held.command.valid_from > begun or begun >= held.command.expires_at:
            return BASELINE_KW[resource_id]
        index = (floor_interval(begun) - held.command.schedule_start) // timedelta(minutes=15)
        return min(BASELINE_KW[resource_id], held.command.setpoints_kw[index])


async def live_through(
    controller: Controller, meters: Meters, until: object = OVER, *, silent: frozenset[str] = frozenset()
) -> None:
    """Minute by minute: meters, acks, then the runner's cycle."""
    while controller.clock.now() < until:  # type: ignore[operator]
        await controller.clock.sleep_until(next_cycle(controller.clock.now()))
        await meters.tick(silent)
        await controller.runner.cycle()
        await ack_all(controller)


def meters_of(controller: Controller, event_id: str = EVENT) -> Meters:
    return Meters(controller, dict.fromkeys(BASELINE_KW, 0), event_id=event_id)
