"""Settings of ``vpp serve``: one frozen tree, read from YAML, every key with its unit, default and meaning.

``docs/operating.md`` shows this tree; secrets are named by file or environment variable and never stand in it.
Relative paths are relative to the file's folder.
"""

import os
from datetime import UTC, date, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from vpp.domain.access import PASSWORD_LONGEST, PASSWORD_SHORTEST, Role
from vpp.domain.control import ControlSettings
from vpp.domain.errors import ConfigError, InputError
from vpp.domain.fleet import ResourceKind
from vpp.domain.timegrid import parse_instant

M = TypeVar("M", bound="Part")
CalendarDay = date
_DEFAULT = ControlSettings()
_SECRET_KEYS = ("url", "password")
_SHOWN_FAULTS = 5


def _below_file(path: Path, told: ValidationInfo) -> Path:
    base = (told.context or {}).get("folder")
    return path if base is None else Path(base) / path


def _instant(value: object) -> datetime:
    """Text with an offset, or what YAML has made of such text; numbers and bare dates are refused."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, str):
        try:
            return parse_instant(value)
        except InputError as error:
            raise ValueError(str(error)) from error
    raise ValueError("expected an instant with its offset, such as 2026-07-20T14:00:00+08:00")


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.rstrip("/") or parts.query:
        raise ValueError("expected http://host[:port] or https://host[:port] without a path")
    return f"{parts.scheme}://{parts.netloc}"


BelowFile = Annotated[Path, AfterValidator(_below_file)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Port = Annotated[int, Field(ge=1, le=65535)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(gt=0)]
Spread = Annotated[float, Field(ge=0, le=2)]
Seconds = Annotated[float, Field(ge=0)]


class Part(BaseModel):
    """Base of every part: unknown keys and numbers that are not finite are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


class Secret(Part):
    """Where a secret is found: in a file, or in an environment variable."""

    file: BelowFile | None = Field(default=None, description="File whose first line is the secret.")
    env: str | None = Field(default=None, min_length=1, description="Environment variable that holds the secret.")

    @model_validator(mode="after")
    def _one_of_two(self) -> "Secret":
        if (self.file is None) == (self.env is None):
            raise ValueError("expected either file or env")
        return self

    def read(self, key: str) -> str:
        """The secret.

        Raises:
            ConfigError: it is not there, or empty; names where it was looked for.
        """
        if self.env is not None:
            value, where = os.environ.get(self.env, ""), f"environment variable {self.env}"
        else:
            where = str(self.file)
            try:
                value = Path(where).read_text("utf-8").partition("\n")[0].strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(where, "", f"the secret for {key} cannot be read: {error}") from error
        if not value:
            raise ConfigError(where, "", f"the secret for {key} is missing or empty")
        return value


class StorePart(Part):
    """Where things are kept."""

    folder: BelowFile = Field(description="Store folder with fleet.json, network.json and programs/.")
    ledger_url: str | None = Field(
        default=None, description="Database of the facts: sqlite:/// or postgresql://; ledger.sqlite in the folder."
    )
    archive_url: str | None = Field(
        default=None, description="Database of the readings; archive.sqlite in the folder unless given."
    )
    access_url: str | None = Field(
        default=None, description="Database of users, sessions and keys; access.sqlite in the folder unless given."
    )
    database_password: Secret | None = Field(
        default=None, description="Password for the database addresses above, which should not contain one."
    )
    epoch_file: BelowFile | None = Field(
        default=None, description="File of the epoch, outside of any backup; 'epoch' in the folder unless given."
    )


class BrokerPart(Part):
    """The MQTT broker."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Name or address.")
    port: Port = Field(default=1883, description="TCP port; 8883 is usual with TLS.")
    username: str | None = Field(default=None, min_length=1, description="Null to connect without a name.")
    password: Secret | None = Field(default=None, description="Needs a username.")
    tls_ca_file: BelowFile | None = Field(
        default=None,
        description="PEM file of the authorities that the broker's certificate may come from; turns TLS on.",
    )
    keepalive_s: int = Field(default=15, ge=1, le=3600, description="A silent link is given up after 1.5 times this.")

    @model_validator(mode="after")
    def _password_needs_name(self) -> "BrokerPart":
        if self.password is not None and self.username is None:
            raise ValueError("password is given, expected username as well")
        return self


class HttpPart(Part):
    """The web and API server."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port; 0 for any free one.")
    public_url: Annotated[str, AfterValidator(_http_url)] | None = Field(
        default=None,
        description="Where people reach it; https makes cookies secure. Host and port above unless given.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="Addresses of reverse proxies whose X-Forwarded headers are believed."
    )
    metrics_open: bool | None = Field(
        default=None,
        description="Whether /metrics needs no operator's key; by default only on a loopback address without "
        "trusted_proxies and without an https public_url.",
    )
    stop_within_s: float = Field(
        default=5.0, gt=0, le=120, description="Time that requests under way are given at the end, in s."
    )

    def url_on(self, port: int) -> str:
        """Where people reach it, listening on ``port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{port}"

    @property
    def metrics_need_no_key(self) -> bool:
        """``metrics_open``; unless told, whether nobody but this machine comes, not even through a reverse proxy."""
        if self.metrics_open is not None:
            return self.metrics_open
        behind_proxy = bool(self.trusted_proxies) or (self.public_url or "").startswith("https://")
        return self.on_loopback and not behind_proxy

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class ReferencePeakPart(Part):
    """The district's peak that percentages refer to: gross, verified curtailment added back."""

    kw: float = Field(gt=0, description="Reference peak in kW.")
    source: str = Field(min_length=1, description="Where the figure comes from.")
    date: CalendarDay = Field(description="Day of the peak, YYYY-MM-DD.")


class ClockPart(Part):
    """Scaled time, shared with gateways and devices: now = at + speed * (wall - wall_at)."""

    at: Instant = Field(description="What the clock shows at wall_at; with offset.")
    wall_at: Instant = Field(description="Real instant; with offset.")
    speed: float = Field(gt=0, le=10_000, description="Scaled seconds per second.")


class PlanningPart(Part):
    """The optimiser's processes."""

    processes: int = Field(default=1, ge=1, le=64, description="Solves at once; one more process is kept warm.")
    solve_deadline_s: float = Field(default=10.0, gt=0, le=600, description="Wall time of one solve, in s.")
    energy_price_file: BelowFile | None = Field(
        default=None,
        description="CSV file timestamp,price_cny_per_kwh of what energy costs (spot market); null for no price.",
    )


class UpstreamPart(Part):
    """The higher-level platform, reached through a watched folder (docs/upstream.md)."""

    name: str = Field(default="province", pattern=r"^[a-z0-9-]{1,32}$", description="What the platform is called.")
    folder: BelowFile = Field(description="Folder with inbox/ and outbox/.")


class LogPart(Part):
    """The log, on standard error."""

    format: Literal["text", "json"] = Field(default="text", description="Lines for people, or JSON for machines.")
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Lowest level written.")


class DemoUser(Part):
    """An account with a password that everybody may know; for demonstrations only."""

    name: str = Field(min_length=1, max_length=64, description="User name.")
    password: SecretStr = Field(
        min_length=PASSWORD_SHORTEST, max_length=PASSWORD_LONGEST, description="Fixed password; shown by the demo."
    )
    role: Role = Field(description="operator, participant or admin.")
    participant_id: str | None = Field(default=None, description="For participants: which one.")


class ControlPart(Part):
    """The closed loop (``vpp.domain.control``). Fractions refer to the target unless said otherwise."""

    margin_sigmas: float = Field(
        default=_DEFAULT.margin_sigmas,
        ge=0,
        description="Standard deviations of the baseline's error above the target.",
    )
    margin_min_fraction: Fraction = Field(default=_DEFAULT.margin_min_fraction, description="Least such margin.")
    margin_max_fraction: Fraction = Field(default=_DEFAULT.margin_max_fraction, description="Largest such margin.")
    coverage: float = Field(
        default=_DEFAULT.coverage,
        ge=0.5,
        lt=1,
        description="Probability with which a plan covers its aim in each interval, by what is known of delivery.",
    )
    deadband_fraction: Fraction = Field(
        default=_DEFAULT.deadband_fraction, description="Shortfall below the aim that is let be."
    )
    urgent_fraction: Fraction = Field(
        default=_DEFAULT.urgent_fraction, description="Shortfall from which at most one cycle is waited."
    )
    urgent_hold_off_s: Seconds = Field(
        default=_DEFAULT.urgent_hold_off_s, description="Least time between two revisions for such a shortfall, in s."
    )
    hold_off_s: Seconds = Field(
        default=_DEFAULT.hold_off_s, description="Least time between two revisions otherwise, in s."
    )
    trim_fraction: Factor = Field(
        default=_DEFAULT.trim_fraction, description="Share of the aim above which a surplus is trimmed."
    )
    trim_cycles: int = Field(default=_DEFAULT.trim_cycles, ge=1, description="Cycles that a surplus must last.")
    trim_hold_off_s: Seconds = Field(
        default=_DEFAULT.trim_hold_off_s, description="Least time between a revision and a trim, in s."
    )
    boost_max: float = Field(
        default=_DEFAULT.boost_max, ge=1, description="Largest aim for the rest of an interval, as multiple of the aim."
    )
    least_remaining_s: Seconds = Field(
        default=_DEFAULT.least_remaining_s, description="An interval with less time left is not re-planned, in s."
    )
    stage_lead_s: Seconds = Field(
        default=_DEFAULT.stage_lead_s, description="Commands become valid this long before the event, in s."
    )
    prior_delivery: dict[ResourceKind, Factor] = Field(
        default_factory=dict, description="Expected verified kW per commanded kW, by kind; the rest as built in."
    )
    prior_delivery_sd: dict[ResourceKind, Spread] = Field(
        default_factory=dict, description="Its standard deviation from event to event, by kind; the rest as built in."
    )
    prior_common_sd: dict[ResourceKind, Spread] = Field(
        default_factory=dict,
        description="The same of a kind's common factor from day to day, relative; the rest as built in.",
    )
    prior_minutes: float = Field(
        default=_DEFAULT.prior_minutes, gt=0, description="Weight of that expectation, in minutes of observation."
    )
    settle_minutes: int = Field(
        default=_DEFAULT.settle_minutes, ge=0, description="Minutes after a call that teach nothing (ramps)."
    )
    release_spread_s: Seconds = Field(
        default=_DEFAULT.release_spread_s, description="Releases after an event are staggered over this time, in s."
    )
    rebound_cap_fraction: Fraction = Field(
        default=_DEFAULT.rebound_cap_fraction, description="Planned increase over the forecast in recovery, at most."
    )
    baseline_lead_s: Seconds = Field(
        default=_DEFAULT.baseline_lead_s, description="Baselines and first plan this long before the event, in s."
    )
    recovery_intervals: int = Field(
        default=_DEFAULT.recovery_intervals, ge=1, le=96, description="15-minute intervals watched after an event."
    )
    least_depth: Fraction = Field(
        default=_DEFAULT.least_depth, description="A resource that offers less of its own baseline is not called."
    )
    use_price_max_cny_per_kwh: Factor = Field(
        default=_DEFAULT.use_price_max_cny_per_kwh, description="What the price of a scarce call approaches."
    )
    fairness_cost_fraction: Fraction = Field(
        default=_DEFAULT.fairness_cost_fraction, description="Extra cost that spreading calls evenly may cause."
    )
    event_days_per_season: Factor = Field(
        default=_DEFAULT.event_days_per_season, description="Event days expected of a season."
    )
    event_persistence: Fraction = Field(
        default=_DEFAULT.event_persistence, description="Probability that an event day follows an event day."
    )
    events_per_day: Factor = Field(default=_DEFAULT.events_per_day, description="Events expected of an event day.")

    def settings(self) -> ControlSettings:
        """The same for the domain."""
        told = self.model_dump()
        told["prior_delivery"] = {**_DEFAULT.prior_delivery, **self.prior_delivery}
        told["prior_delivery_sd"] = {**_DEFAULT.prior_delivery_sd, **self.prior_delivery_sd}
        told["prior_common_sd"] = {**_DEFAULT.prior_common_sd, **self.prior_common_sd}
        return ControlSettings(**told)


class ServeConfig(Part):
    """Settings of ``vpp serve``."""

    store: StorePart = Field(description="Databases and files.")
    reference_peak: ReferencePeakPart = Field(description="What a percentage refers to.")
    broker: BrokerPart = Field(default=BrokerPart(), description="MQTT broker.")
    http: HttpPart = Field(default=HttpPart(), description="Web and API server.")
    control: ControlPart = Field(default=ControlPart(), description="How the closed loop behaves.")
    planning: PlanningPart = Field(default=PlanningPart(), description="The optimiser's processes.")
    confirm_every: int = Field(
        default=1, ge=1, le=60, description="Flushes of a gateway's telemetry that one confirmation covers."
    )
    open_rounds: int | None = Field(
        default=None, ge=1, description="Access rounds (分轮次接入) open from the beginning; null for all."
    )
    clock: ClockPart | None = Field(default=None, description="Scaled time; null for real time.")
    upstream: UpstreamPart | None = Field(default=None, description="Higher-level platform; null for none.")
    log: LogPart = Field(default=LogPart(), description="The log.")
    demo_users: tuple[DemoUser, ...] = Field(
        default=(), description="Accounts with fixed passwords, for demonstrations only; never in production."
    )


def read_config(path: Path, model: type[M]) -> M:
    """The file's content as ``model``.

    Raises:
        ConfigError: it cannot be read, or a value is not what was expected; names file, key, value and expectation.
            Values of addresses and passwords are left out.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(str(path), "", f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "", "is not UTF-8 text") from error
    except yaml.YAMLError as error:
        # The whole text would quote the file, and with it perhaps a secret.
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(
            str(path), "", f"is not YAML: {getattr(error, 'problem', None) or 'unreadable'}{line}"
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(str(path), "", f"expected a mapping of keys, found {type(content).__name__}")
    try:
        return model.model_validate(content, context={"folder": path.absolute().parent})
    except ValidationError as error:
        raise _config_error(path, error) from None


def read_serve_config(path: Path) -> ServeConfig:
    """Settings of ``vpp serve``.

    Raises:
        ConfigError: as ``read_config``.
    """
    return read_config(path, ServeConfig)


def _config_error(path: Path, error: ValidationError) -> ConfigError:
    first, *others = error.errors(include_url=False)
    expected = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        expected = "unknown key"
    elif first["type"] == "missing":
        expected = "is missing"
    elif not _holds_secret(first["loc"], first["input"]):
        expected += f" (found {first['input']!r:.80})"
    if others:
        more = ", ".join(_key(fault["loc"]) for fault in others[:_SHOWN_FAULTS])
        expected += f"; {len(others)} more: {more}"
    return ConfigError(str(path), _key(first["loc"]), expected)


def _holds_secret(place: tuple[int | str, ...], value: Any) -> bool:  # noqa: ANN401 - whatever stood there
    return isinstance(value, dict | list) or any(word in str(part) for part in place for word in _SECRET_KEYS)


def _key(place: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in place)
