"""Schema of ``devices.yaml``: whose devices, since when they have lived, where they remember, and their ports."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from simulator.clock import ClockFile, Instant
from simulator.files import FileModel, ScenarioFileError, read_model


class GatewayPort(FileModel):
    """The Modbus TCP port of one gateway's devices.

    Attributes:
        id: The gateway.
        port: TCP port.
    """

    id: str
    port: Annotated[int, Field(gt=0, lt=65536)]


class DevicesFile(FileModel):
    """What the device process is told; paths count from the file's own folder.

    Attributes:
        scenario: Whose district, weather and faults.
        seed: All randomness follows from it.
        start: When the devices' life begins, on the 15-minute grid.
        state: Folder of the devices' memory.
        maps: Folder of the register maps.
        host: Address to listen on.
        gateways: Whose devices are served, and where.
        clock: Scaled time; the machine's own without it.
        holidays: Days of rest besides weekends, for all days that the devices will see; the district's without it.
        working_weekends: Weekend days worked in lieu.
    """

    scenario: Path
    seed: Annotated[int, Field(ge=0)]
    start: Instant
    state: Path
    maps: Path
    host: str = "127.0.0.1"
    gateways: Annotated[tuple[GatewayPort, ...], Field(min_length=1)]
    clock: ClockFile | None = None
    holidays: tuple[date, ...] | None = None
    working_weekends: tuple[date, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> "DevicesFile":
        for name in ("id", "port"):
            counted = Counter(str(getattr(gateway, name)) for gateway in self.gateways)
            twice = [value for value, times in counted.items() if times > 1]
            if twice:
                raise ValueError(f"gateways: {name} {', '.join(twice)} is used twice")
        return self


def load_devices_file(path: Path) -> DevicesFile:
    """The file at ``path``, its paths made absolute.

    Raises:
        ScenarioFileError: unreadable or wrong; names file and key.
    """
    told = read_model(path, DevicesFile)
    base = path.resolve().parent
    return told.model_copy(update={key: base / getattr(told, key) for key in ("scenario", "state", "maps")})


__all__ = ["DevicesFile", "GatewayPort", "ScenarioFileError", "load_devices_file"]
