"""What a kind of resource must be able to do: say what it could do, and share a setpoint out to its devices."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from adapters.kit.driver import DeviceReadings, Mask
from adapters.kit.resource_spec import ResourceSpec
from vpp.domain.capability import CapabilityOffer
from vpp.domain.flexibility import Flexibility, Series
from vpp.domain.timegrid import TimeGrid


@dataclass(frozen=True, slots=True, eq=False)
class OfferRequest:
    """What an offer is made from.

    Attributes:
        grid: Intervals to cover, the running one first.
        forecast_kw: Expected power without a command, shape (len(grid),), >= 0 but for storage.
        running_intervals: Since when a command has been held, in whole intervals; 0 when none is.
        calls_made: Calls that began on this trading day, the running one included.
        all_able: All devices of the gateway answer and none is under local control; looked at once for all offers.
    """

    spec: ResourceSpec
    readings: DeviceReadings
    grid: TimeGrid
    now: datetime
    forecast_kw: Series
    running_intervals: int = 0
    calls_made: int = 0
    all_able: bool = False

    @property
    def online(self) -> Mask:
        """Which of the resource's devices answer."""
        return self.readings.online[self.spec.devices]

    def offer(self, flexibility: Flexibility, forecast_kw: Series | None = None) -> CapabilityOffer:
        """An offer of ``flexibility``; not available where the resource could not follow a command now."""
        reason = not_entitled_reason(self.spec) if self.all_able else unavailable_reason(self.spec, self.readings)
        return CapabilityOffer(
            resource_id=self.spec.id,
            issued_at=self.now,
            grid=self.grid,
            forecast_kw=self.forecast_kw if forecast_kw is None else forecast_kw,
            flexibility=flexibility,
            notice_s=self.spec.notice_s,
            available=not reason,
            reason=reason,
        )


class Adapter(Protocol):
    """Pure functions for one or more kinds of resources."""

    def offer(self, request: OfferRequest) -> CapabilityOffer:
        """What the resource could do over the request's grid."""

    def split(self, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
        """One setpoint per device of the resource.

        The sum is ``setpoint_kw`` wherever the devices' limits allow it, and never more than it unless even the least
        that the devices can do is more.
        """

    def resplits_on_change(self) -> bool:
        """Whether the split is made anew when devices come and go within an interval."""


@runtime_checkable
class EarlyStarts(Protocol):
    """What an adapter can do besides whose devices hold loads back by timers of their own."""

    def start_early(self, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
        """One setpoint per device, so that all together draw at least ``setpoint_kw`` wherever what waits allows it.

        What runs anyway is held back nowhere; no more is started early than it takes.
        """


def all_able(readings: DeviceReadings) -> bool:
    """Whether every device of the gateway answers and is under remote control."""
    return bool(readings.online.all()) and (readings.override is None or not readings.override.any())


def not_entitled_reason(spec: ResourceSpec) -> str:
    """Why the resource may never be commanded; empty when it may."""
    if spec.protected:
        return "belongs to a protected class"
    if not spec.opted_in:
        return "its owner has not opted in"
    return ""


def unavailable_reason(spec: ResourceSpec, readings: DeviceReadings) -> str:
    """Why the resource could not follow a command now; empty when it could."""
    if reason := not_entitled_reason(spec):
        return reason
    if not readings.online[spec.devices].any():
        return "all devices are offline"
    if readings.override is not None and readings.override[spec.devices].all():
        return "all devices are under local control"
    return ""
