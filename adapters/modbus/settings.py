"""What the configuration says of a Modbus gateway: how to talk, and where each device stands."""

from typing import Annotated, Literal

from pydantic import Field

from adapters.kit.files import FileModel
from adapters.modbus.map_file import LAST_ADDRESS, Address


class ModbusSettings(FileModel):
    """How the driver talks to its devices.

    Attributes:
        type: The protocol.
        timeout_s: For opening a connection and for each answer, wall seconds.
        pass_timeout_s: For one minute's reading over one connection; what was not reached by then is not online.
        backoff_first_s: Pause after a failed connection; doubles up to ``backoff_longest_s``. By the gateway's clock.
        backoff_longest_s: The longest such pause.
        silent_unit_longest_min: A unit that does not answer is asked again after 1, 2, 4 ... minutes, at most this.
        nameplate_every_min: How often what hardly changes is read again.
        late_waits_s: Pauses before a device whose minute stamp is late is asked again, by the gateway's clock.
        implausible_ratio: Power beyond this multiple of the resource's rating is taken for garbled.
    """

    type: Literal["modbus"] = "modbus"
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    pass_timeout_s: Annotated[float, Field(gt=0, le=60)] = 8.0
    backoff_first_s: Annotated[float, Field(gt=0)] = 1.0
    backoff_longest_s: Annotated[float, Field(gt=0)] = 60.0
    silent_unit_longest_min: Annotated[int, Field(ge=1)] = 15
    nameplate_every_min: Annotated[int, Field(ge=1)] = 360
    late_waits_s: tuple[Annotated[float, Field(ge=0, le=30)], ...] = (1.0, 2.0, 3.0)
    implausible_ratio: Annotated[float, Field(gt=1)] = 3.0


class DeviceAddress(FileModel):
    """One device.

    Attributes:
        host: Name or address.
        port: TCP port.
        unit: Unit id.
        base_address: Added to each address of the map, in every table.
    """

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 502
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    base_address: Address = 0


class DeviceRange(DeviceAddress):
    """Several devices behind one unit, a fixed number of registers apart.

    Attributes:
        host: Name or address.
        port: TCP port.
        unit: Unit id that they share.
        base_address: Of the first one; added to each address of the map.
        count: How many.
        stride: From one device's block to the next; the map's own, per table, when not given.
    """

    count: Annotated[int, Field(ge=1, le=LAST_ADDRESS)]
    stride: Annotated[int, Field(ge=1, le=LAST_ADDRESS)] | None = None


Devices = Annotated[tuple[DeviceAddress, ...], Field(min_length=1)] | DeviceRange
