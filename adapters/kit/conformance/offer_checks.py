"""What the adapter offers: sane, honest about what is out of reach, and the same for the same devices."""

from dataclasses import asdict, replace

import numpy as np

from adapters.kit.conformance.check import Check, table
from adapters.kit.conformance.trial import OFFER_INTERVALS, Trial
from adapters.kit.conformance.verdicts import (
    expect_at_most,
    expect_equal,
    expect_finite,
    expect_that,
)
from adapters.kit.driver import DeviceReadings
from vpp.domain.capability import CapabilityOffer, flaw_of
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Storage
from vpp.wire.codec import decode, encode
from vpp.wire.convert import offers_to_wire
from vpp.wire.messages import CapabilityMessage
from vpp.wire.topics import MessageType, topic_of

_MAY_OFFER = {
    ResourceKind.FACTORY_LINE: (Block,),
    ResourceKind.FACTORY_PROCESS: (Curtailable,),
    ResourceKind.LIGHTING: (Curtailable,),
    ResourceKind.PUBLIC_CHARGING: (Charging,),
    ResourceKind.RESIDENTIAL_CHARGING: (Charging,),
    ResourceKind.COOLING: (Cooling,),
    ResourceKind.STORAGE: (Storage,),
}


def largest_cut_kw(offer: CapabilityOffer) -> float:
    """The most that the offer promises to take away in its first interval, kW."""
    forecast = float(offer.forecast_kw[0])
    match offer.flexibility:
        case Curtailable() as f:
            return float(f.segment_1_kw[0] + f.segment_2_kw[0])
        case Block() as f:
            return float(f.available_kw[0])
        case Cooling() as f:
            return float(f.available_kw[0])
        case Charging() as f:
            return forecast - float(f.power_min_kw[0])
        case Storage() as f:
            return forecast + (f.power_max_kw if f.export_allowed else 0.0)


def _offline(readings: DeviceReadings, devices: list[int]) -> DeviceReadings:
    online = readings.online.copy()
    online[devices] = False
    return replace(readings, online=online)


def _overridden(readings: DeviceReadings, devices: list[int]) -> DeviceReadings:
    override = np.zeros(len(readings.online), dtype=bool)
    override[devices] = True
    return replace(readings, override=override)


def _expect_unavailable(offer: CapabilityOffer, why: str) -> None:
    expect_that(not offer.available, f"availability {why}", offer.available, "not available")
    expect_that(offer.reason, f"reason {why}", repr(offer.reason), "words that say why")


async def offer_is_for_the_resource_and_the_grid(trial: Trial) -> None:
    """An offer names its resource and instant, and its forecast covers the grid with finite numbers.

    Source: vpp.domain.capability
    """
    offer = trial.offer(await trial.read())
    expect_equal("resource", offer.resource_id, trial.spec.id)
    expect_equal("issued at", offer.issued_at, trial.t0)
    expect_equal("grid", (offer.grid.start, len(offer.grid)), (trial.t0, OFFER_INTERVALS))
    expect_finite("forecast_kw", offer.forecast_kw, OFFER_INTERVALS)


async def offer_has_no_flaw(trial: Trial) -> None:
    """No figure of an offer is one that no device can have: such an offer would stop every plan.

    Source: vpp.domain.capability.flaw_of
    """
    expect_equal("flaw", flaw_of(trial.offer(await trial.read())), None)


async def offer_fits_the_kind(trial: Trial) -> None:
    """A resource offers one of the forms of flexibility that its kind has.

    Source: vpp.domain.flexibility
    """
    seen = type(trial.offer(await trial.read()).flexibility)
    allowed = _MAY_OFFER[trial.spec.kind]
    expect_that(seen in allowed, "flexibility", seen.__name__, " or ".join(form.__name__ for form in allowed))


async def offer_survives_the_wire(trial: Trial) -> None:
    """An offer can be sent and is read back with equal length and no figure lost.

    Source: DESIGN 4, MQTT
    """
    wire = offers_to_wire([trial.offer(await trial.read())])
    message = CapabilityMessage("gw", trial.t0, trial.t0, wire)
    back = decode(topic_of("gw", MessageType.CAPABILITY), encode(message))
    expect_equal("offer after the wire", back, message)


async def offer_is_available_when_devices_answer(trial: Trial) -> None:
    """Devices that answer and are under remote control make the resource available, without a reason.

    Source: vpp.domain.capability
    """
    offer = trial.offer(await trial.read())
    expect_equal("available, reason", (offer.available, offer.reason), (True, ""))


async def offer_has_something_to_give(trial: Trial) -> None:
    """Free devices under load offer at least the cut to the case's upper setpoint.

    Source: DESIGN 3, capability of the window
    """
    offer = trial.offer(await trial.read())
    expect_that(largest_cut_kw(offer) > 0, "largest cut in kW", largest_cut_kw(offer), "more than 0")


async def offer_is_not_more_than_is_there(trial: Trial) -> None:
    """A load offers to take away at most what it is expected to draw.

    Source: vpp.domain.flexibility
    """
    offer = trial.offer(await trial.read())
    exported = trial.spec.rated_kw if trial.spec.kind is ResourceKind.STORAGE else 0.0
    expect_at_most("largest cut in kW", largest_cut_kw(offer), float(offer.forecast_kw[0]) + exported, 1e-6)


async def offer_is_off_when_all_devices_are_offline(trial: Trial) -> None:
    """A resource without a device that answers is not available and says why.

    Source: vpp.domain.capability
    """
    readings = _offline(await trial.read(), trial.devices)
    _expect_unavailable(trial.offer(readings), "with all devices offline")


async def offer_is_off_under_local_control(trial: Trial) -> None:
    """A resource whose devices were all taken out of remote control is not available and says why.

    Source: vpp.domain.capability
    """
    readings = _overridden(await trial.read(), trial.devices)
    _expect_unavailable(trial.offer(readings), "under local control")


async def offer_is_off_for_a_protected_class(trial: Trial) -> None:
    """A protected resource is never available, whatever else is configured.

    Source: DESIGN 3, rule 5
    """
    trial.configure(lambda spec: replace(spec, protected=True))
    _expect_unavailable(trial.offer(await trial.read()), "of a protected class")


async def offer_is_off_without_opt_in(trial: Trial) -> None:
    """A resource whose owner has not opted in is not available.

    Source: DESIGN 3, rule 5
    """
    trial.configure(lambda spec: replace(spec, opted_in=False))
    _expect_unavailable(trial.offer(await trial.read()), "without an opt-in")


async def offer_does_not_grow_when_devices_drop_out(trial: Trial) -> None:
    """With one device out of reach the resource offers no more than before, and still without a flaw.

    Source: DESIGN 3, rule 2 (the gateway checks again)
    """
    readings = await trial.read()
    whole = largest_cut_kw(trial.offer(readings))
    part = trial.offer(_offline(readings, trial.devices[:1]))
    expect_at_most("largest cut in kW with a device offline", largest_cut_kw(part), whole, 1e-6)
    expect_equal("flaw", flaw_of(part), None)


async def offer_says_its_notice(trial: Trial) -> None:
    """The offer's notice is the one that the resource is configured with.

    Source: vpp.domain.capability
    """
    trial.configure(lambda spec: replace(spec, notice_s=300.0))
    expect_equal("notice in s", trial.offer(await trial.read()).notice_s, 300.0)


async def offer_is_the_same_for_the_same_devices(trial: Trial) -> None:
    """An offer is a pure function: asked twice it is equal, and it leaves the readings as they were.

    Source: DESIGN 2, adapters; style guide, functional core
    """
    readings = await trial.read()
    before = str(asdict(readings))
    first, second = trial.offer(readings), trial.offer(readings)
    expect_equal("second offer", str(asdict(second)), str(asdict(first)))
    expect_equal("readings after the offers", str(asdict(readings)), before)


async def offer_costs_something_finite(trial: Trial) -> None:
    """Prices are finite and not negative.

    Source: vpp.domain.flexibility
    """
    flexibility = trial.offer(await trial.read()).flexibility
    for name, value in asdict(flexibility).items():
        if "cost" in name or "discomfort" in name:
            expect_that(np.isfinite(value) and value >= 0, name, value, "a finite price of at least 0")


CHECKS: tuple[Check, ...] = table(
    "offer",
    offer_is_for_the_resource_and_the_grid,
    offer_has_no_flaw,
    offer_fits_the_kind,
    offer_survives_the_wire,
    offer_is_available_when_devices_answer,
    offer_has_something_to_give,
    offer_is_not_more_than_is_there,
    offer_is_off_when_all_devices_are_offline,
    offer_is_off_under_local_control,
    offer_is_off_for_a_protected_class,
    offer_is_off_without_opt_in,
    offer_does_not_grow_when_devices_drop_out,
    offer_says_its_notice,
    offer_is_the_same_for_the_same_devices,
    offer_costs_something_finite,
)
