"""How one gateway is set up."""

from dataclasses import dataclass

from adapters.kit.resource_spec import ResourceSpec
from vpp.domain.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class GatewayConfig:
    """One running gateway.

    Attributes:
        device_count: Length of the driver's arrays.
        capability_every_min: Offers are also made after every change.
        horizon_intervals: Length of an offer.
        read_offset_s: How long after a minute's end the devices are read.
        meter_memory_min: Minutes that the meters remember: when the gateway falls behind, it reads them one by one.
        outside_timeout_s: For one call to the broker or to the driver.
        backoff_first_s: Pause before the first reconnect; doubles up to ``backoff_longest_s``, each time shortened by
            a random half at most.
        seed: Of that randomness; the gateway's id is mixed in.

    Raises:
        InputError: two resources share an id or a device, or a device lies beyond ``device_count``.
    """

    gateway_id: str
    specs: tuple[ResourceSpec, ...]
    device_count: int
    software: str = "vpp-adapters/1"
    capability_every_min: int = 5
    horizon_intervals: int = 32
    read_offset_s: float = 0.0
    meter_memory_min: int = 0
    outside_timeout_s: float = 10.0
    backoff_first_s: float = 1.0
    backoff_longest_s: float = 60.0
    seed: int = 0

    def __post_init__(self) -> None:
        owner: dict[int, str] = {}
        ids: set[str] = set()
        for spec in self.specs:
            if spec.id in ids:
                raise InputError(f"gateway {self.gateway_id!r}: resource id {spec.id!r} is used twice")
            ids.add(spec.id)
            for device in range(spec.devices.start, spec.devices.stop):
                if device >= self.device_count:
                    raise InputError(
                        f"gateway {self.gateway_id!r}: resource {spec.id!r} names device {device}, "
                        f"but there are {self.device_count}"
                    )
                if device in owner:
                    raise InputError(
                        f"gateway {self.gateway_id!r}: device {device} belongs to {owner[device]!r} and {spec.id!r}"
                    )
                owner[device] = spec.id
