"""What the gateway process is told: one YAML file, checked before anything starts."""

from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from adapters.kit.files import FileModel, read_yaml
from adapters.kit.resource_spec import INTERVALS_PER_DAY, TERMS_OF, ResourceSpec, Terms
from adapters.modbus.settings import DeviceRange, Devices, ModbusSettings
from vpp.domain.errors import ConfigError, InputError
from vpp.domain.fleet import ResourceKind
from vpp.domain.timegrid import parse_instant

Id = Annotated[str, Field(min_length=1, max_length=200)]
Port = Annotated[int, Field(ge=1, le=65_535)]


def _instant(raw: object) -> datetime:
    try:
        return parse_instant(raw)
    except InputError as error:
        raise ValueError(str(error)) from error


Instant = Annotated[datetime, BeforeValidator(_instant)]


class TlsSection(FileModel):
    """TLS to the broker.

    Attributes:
        ca_file: Whose certificates are trusted, the system's when not given.
    """

    ca_file: Path | None = None


class BrokerSection(FileModel):
    """The MQTT broker.

    Attributes:
        host: Name or address.
        port: TCP port; 8883 is usual with TLS.
        username: Login of this process; none to connect without a name.
        password_file: File whose first line is the password.
        tls: TLS to the broker; an empty section trusts the system's authorities.
    """

    host: str = "127.0.0.1"
    port: Port = 1883
    username: str | None = None
    password_file: Path | None = None
    tls: TlsSection | None = None


class ClockSection(FileModel):
    """Scaled time: ``now = at + speed * (wall - wall_at)``.

    Attributes:
        at: What the clock shows at ``wall_at``; with offset.
        wall_at: Real instant; with offset.
        speed: Scaled seconds per second.
    """

    at: Instant
    wall_at: Instant
    speed: Annotated[float, Field(gt=0, le=10_000)]


class HttpSection(FileModel):
    """Where ``/metrics`` and ``/healthz`` are served.

    Attributes:
        host: Address to listen on; 0.0.0.0 for all.
        port: TCP port; 0 for a free one.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 9101


class NobodySection(FileModel):
    """No panel is installed: every question runs into its deadline.

    Attributes:
        mode: Who confirms for a resource that needs a person: nobody, everybody by itself, or files.
    """

    mode: Literal["nobody"] = "nobody"


class AutoSection(FileModel):
    """Everybody says yes by itself; for simulated districts.

    Attributes:
        mode: ``auto``.
        after_s: Until the yes, by the gateway's clock.
    """

    mode: Literal["auto"]
    after_s: Annotated[float, Field(ge=0)] = 0.0


class FilesSection(FileModel):
    """Questions and answers are files.

    Attributes:
        mode: ``files``.
        folder: Where they lie.
    """

    mode: Literal["files"]
    folder: Path


ConfirmSection = Annotated[NobodySection | AutoSection | FilesSection, Field(discriminator="mode")]


class RestartSection(FileModel):
    """Pause before a gateway that failed is started again; doubles each time.

    Attributes:
        first_s: The first pause.
        longest_s: The longest.
    """

    first_s: Annotated[float, Field(gt=0)] = 1.0
    longest_s: Annotated[float, Field(gt=0)] = 60.0


class ResourceSection(FileModel):
    """One resource; the attributes are those of ``ResourceSpec``.

    Attributes:
        id: As the controller's registration has it.
        site_id: The site that it stands on.
        rated_kw: Rating of all its devices together.
        devices: A list of devices, or a range behind one unit.
        map: Name of a register map in one of the ``maps`` folders, or a file.
        terms: Keys of the terms that belong to the kind; the defaults where not given.
        profile_kw: Power on a typical day without events, 96 values; for storage the schedule.
        notice_s: How long before its start a command must come.
        confirm_within_s: A person on site confirms within this time; nobody is asked when not given.
        opted_in: False refuses every command.
        protected: A protected class: refuses every command, whatever else is configured.
    """

    id: Id
    site_id: Id
    kind: ResourceKind
    rated_kw: Annotated[float, Field(gt=0)]
    devices: Devices
    map: Annotated[str, Field(min_length=1)]
    terms: dict[str, Any] = Field(default_factory=dict)
    profile_kw: (
        Annotated[tuple[float, ...], Field(min_length=INTERVALS_PER_DAY, max_length=INTERVALS_PER_DAY)] | None
    ) = None
    notice_s: Annotated[float, Field(ge=0)] = 60.0
    confirm_within_s: Annotated[float, Field(gt=0)] | None = None
    opted_in: bool = True
    protected: bool = False

    @model_validator(mode="after")
    def _terms_fit(self) -> "ResourceSection":
        self.made_terms()
        return self

    def made_terms(self) -> Terms:
        """The terms of the resource's kind.

        Raises:
            ValueError: a key that they do not have, or a value of another type.
        """
        kind = TERMS_OF[self.kind]
        known = [one.name for one in fields(kind)]
        for key in self.terms:
            if key not in known:
                raise ValueError(f"terms.{key} is not a known key of {kind.__name__} ({', '.join(known)})")
        try:
            return TypeAdapter[Terms](kind).validate_python(self.terms)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise ValueError(f"terms.{first['loc'][0]}: {first['msg']}, got {first['input']!r}") from error

    @property
    def device_count(self) -> int:
        """How many devices it has."""
        return self.devices.count if isinstance(self.devices, DeviceRange) else len(self.devices)


class GatewaySection(FileModel):
    """One gateway.

    Attributes:
        gateway_id: Its id, and its client id at the broker.
        capability_every_min: How often it says what its resources offer.
        horizon_intervals: How far ahead it says so, in 15-minute intervals.
        outside_timeout_s: For each call to broker and devices.
        driver: How its devices are reached; ``type`` says by which protocol (``modbus``).
        read_offset_s: How long after a minute's end the devices are read, by the gateway's clock.
    """

    gateway_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    driver: ModbusSettings = ModbusSettings()
    resources: Annotated[tuple[ResourceSection, ...], Field(min_length=1)]
    capability_every_min: Annotated[int, Field(ge=1, le=1440)] = 5
    horizon_intervals: Annotated[int, Field(ge=1, le=192)] = 32
    read_offset_s: Annotated[float, Field(ge=0, lt=60)] = 2.0
    outside_timeout_s: Annotated[float, Field(gt=0)] = 15.0

    @property
    def device_count(self) -> int:
        """Devices of all its resources."""
        return sum(resource.device_count for resource in self.resources)


class AdaptersConfig(FileModel):
    """The whole file.

    Attributes:
        broker: The MQTT broker.
        clock: Scaled time; real time when not given.
        http: Where ``/metrics`` and ``/healthz`` are served; nowhere when not given.
        confirm: Who confirms for resources that need a person.
        restart: Pauses before a gateway that failed is started again.
        gateways: The gateways of this process.
        disk: Folder of the gateways' SQLite files.
        maps: Folders with register maps, looked through before the shipped one.
        log_json: One JSON object per line in place of lines for people.
    """

    broker: BrokerSection = BrokerSection()
    disk: Path
    clock: ClockSection | None = None
    http: HttpSection | None = None
    maps: tuple[Path, ...] = ()
    confirm: ConfirmSection = NobodySection()
    restart: RestartSection = RestartSection()
    log_json: bool = False
    gateways: Annotated[tuple[GatewaySection, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_differ(self) -> "AdaptersConfig":
        gateways: set[str] = set()
        owner: dict[str, str] = {}
        for gateway in self.gateways:
            if gateway.gateway_id in gateways:
                raise ValueError(f"gateway {gateway.gateway_id!r} stands there twice")
            gateways.add(gateway.gateway_id)
            for resource in gateway.resources:
                if resource.id in owner:
                    both = f"{owner[resource.id]!r} and {gateway.gateway_id!r}"
                    raise ValueError(f"resource {resource.id!r} stands at gateways {both}")
                owner[resource.id] = gateway.gateway_id
        return self


def load_config(path: Path) -> AdaptersConfig:
    """The configuration in ``path``; relative paths in it count from its folder.

    Raises:
        ConfigError: names the file, the dotted key and what was expected there.
    """
    made = read_yaml(path, AdaptersConfig)
    folder = path.resolve().parent
    broker = made.broker
    if broker.password_file is not None:
        broker = broker.model_copy(update={"password_file": folder / broker.password_file})
    if broker.tls is not None and broker.tls.ca_file is not None:
        broker = broker.model_copy(update={"tls": TlsSection(ca_file=folder / broker.tls.ca_file)})
    confirm = made.confirm
    if isinstance(confirm, FilesSection):
        confirm = FilesSection(mode="files", folder=folder / confirm.folder)
    return made.model_copy(
        update={
            "disk": folder / made.disk,
            "maps": (*(folder / one for one in made.maps), folder),
            "broker": broker,
            "confirm": confirm,
        }
    )


def find_map(name: str, folders: tuple[Path, ...], *, asked_by: str) -> Path:
    """File of a register map.

    Raises:
        ConfigError: there is none of that name; says where it was looked for.
    """
    for folder in folders:
        for candidate in (folder / name, folder / f"{name}.yaml"):
            if candidate.is_file():
                return candidate
    places = ", ".join(str(folder) for folder in folders)
    raise ConfigError(asked_by, "map", f"there is no register map {name!r} in {places}")


def specs_of(gateway: GatewaySection) -> tuple[ResourceSpec, ...]:
    """What the gateway is told of its resources; devices follow each other in the file's order."""
    specs: list[ResourceSpec] = []
    first = 0
    for one in gateway.resources:
        specs.append(
            ResourceSpec(
                id=one.id,
                site_id=one.site_id,
                kind=one.kind,
                rated_kw=one.rated_kw,
                first_device=first,
                device_count=one.device_count,
                terms=one.made_terms(),
                profile_kw=None if one.profile_kw is None else np.array(one.profile_kw),
                notice_s=one.notice_s,
                confirm_within_s=one.confirm_within_s,
                opted_in=one.opted_in,
                protected=one.protected,
            )
        )
        first += one.device_count
    return tuple(specs)
