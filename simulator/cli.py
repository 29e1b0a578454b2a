"""The ``vpp-sim`` command: a simulated district apart from any controller: looked into, or served to gateways."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from simulator.district import District
    from simulator.protocols.house import House

INPUT_ERROR = 2

app = typer.Typer(
    name="vpp-sim",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The simulated district, apart from any controller.",
)


@app.callback()
def main() -> None:
    """The simulated district, apart from any controller."""


@app.command()
def describe(
    district_file: Annotated[Path, typer.Argument(metavar="DISTRICT", help="Such as configs/districts/beichen.yaml.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what a district holds: nodes, sites, gateways, devices, and power by kind."""
    from simulator.files import ScenarioFileError
    from simulator.population import load_district

    try:
        district = load_district(district_file)
    except ScenarioFileError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(INPUT_ERROR) from error
    summary = summarise(district)
    typer.echo(json.dumps(summary, indent=2, ensure_ascii=False) if as_json else _as_text(summary))


@app.command()
def devices(
    config: Annotated[Path, typer.Option(help="Such as devices.yaml of `vpp-sim setup`; see docs/modbus.md.")],
) -> None:
    """Serve a district's devices over Modbus TCP until SIGTERM or Ctrl-C; exit 2 on bad input or a taken port."""
    import asyncio

    from simulator.files import ScenarioFileError
    from simulator.protocols.devices_file import load_devices_file
    from simulator.protocols.errors import DevicesError
    from simulator.protocols.service import serve_until_signalled
    from simulator.rolling import StartError

    def say_ready(house: "House") -> None:
        count = sum(len(units) for units in house.units.values())
        typer.echo(f"devices of {count} resources are ready, {house.now.isoformat(timespec='minutes')}")

    try:
        asyncio.run(serve_until_signalled(load_devices_file(config), say_ready))
    except (ScenarioFileError, DevicesError, StartError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(INPUT_ERROR) from error


@app.command()
def people(
    config: Annotated[Path, typer.Option(help="Such as people.yaml of `vpp-sim setup`.")],
) -> None:
    """Let the participants of a simulated district answer their invitations by the API, until SIGTERM or Ctrl-C."""
    import asyncio
    import logging

    from simulator.files import ScenarioFileError
    from simulator.harness.people_process import load_people_file, play_until_signalled

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(play_until_signalled(load_people_file(config)))
    except ScenarioFileError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(INPUT_ERROR) from error


@app.command()
def setup(  # noqa: PLR0917 - Typer passes options by name
    scenario: Annotated[Path, typer.Argument(help="Such as configs/demo.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder to write; an earlier set-up there is kept under a number.")],
    seed: Annotated[int, typer.Option(min=0, help="All randomness of devices and people follows from it.")] = 1,
    start: Annotated[
        str | None, typer.Option(help="Instant with offset, or now; the scenario's own day and time by default.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(min=0.1, max=600.0, help="Simulated seconds per second; 1 by default.")
    ] = None,
    broker: Annotated[str, typer.Option(help="host:port of the MQTT broker.")] = "127.0.0.1:1883",
    http_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of pages and API.")] = 8000,
    modbus_port_base: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of the first gateway's devices; the others follow.")
    ] = 15020,
    devices_host: Annotated[
        str | None, typer.Option(help="Where the gateways reach the devices; 127.0.0.1 by default.")
    ] = None,
    adapters_http_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the gateways' metrics; none by default.")
    ] = None,
    ledger_url: Annotated[str | None, typer.Option(help="Database of the facts; a file by default.")] = None,
    archive_url: Annotated[str | None, typer.Option(help="Database of the readings; a file by default.")] = None,
    access_url: Annotated[str | None, typer.Option(help="Database of users and keys; a file by default.")] = None,
    database_password_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the databases' password.")
    ] = None,
    overrides: Annotated[
        Path | None,
        typer.Option(help="YAML: keys that stand in controller, adapters, devices, people in place of ours."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave a set-up that is there as it is.")] = False,
) -> None:
    """Write all that a scenario's separate processes are started from; exit 2 on bad input."""
    from simulator.files import ScenarioFileError
    from simulator.harness.setup_command import SetupError, is_set_up, parse_broker, parse_start, read_overrides
    from simulator.harness.setup_command import setup as write
    from simulator.harness.setup_files import Addresses, SetupOptions

    if keep and is_set_up(out):
        typer.echo(f"{out}: a set-up is there and stays")
        return
    try:
        address = parse_broker(broker)
        addresses = Addresses(
            broker_host=address.host,
            broker_port=address.port,
            http_port=http_port,
            modbus_port_base=modbus_port_base,
            devices_host=devices_host,
            adapters_http_port=adapters_http_port,
            ledger_url=ledger_url,
            archive_url=archive_url,
            access_url=access_url,
            database_password_file=database_password_file,
        )
        told = SetupOptions(
            scenario, out, seed, parse_start(start), speed, addresses, overrides=read_overrides(overrides)
        )
        typer.echo(write(told))
    except (ScenarioFileError, SetupError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(INPUT_ERROR) from error


def summarise(district: "District") -> dict[str, object]:
    """Counts and sums of a district.

    Under ``by_kind``: per kind the number of resources, of those that may be called at all, and the typical power
    (kW) of these on a hot working afternoon.
    """
    by_kind: dict[str, dict[str, float]] = {}
    for resource in district.resources:
        row = by_kind.setdefault(resource.kind, {"resources": 0, "callable": 0, "callable_typical_kw": 0.0})
        row["resources"] += 1
        if district.callable_resource(resource):
            row["callable"] += 1
            row["callable_typical_kw"] += resource.typical_kw
    return {
        "name": district.name,
        "name_zh": district.name_zh,
        "reference_peak_kw": district.reference_peak_kw,
        "reference_peak_source": district.reference_peak_source,
        "nodes": len(district.nodes),
        "participants": len(district.participants),
        "sites": len(district.sites),
        "gateways": len(district.gateways),
        "devices": len(district.devices.ids),
        "resources": len(district.resources),
        "by_kind": {kind: by_kind[kind] for kind in sorted(by_kind)},
    }


def _as_text(summary: Mapping[str, object]) -> str:
    by_kind = summary["by_kind"]
    plain = [f"{name.replace('_', ' ')}: {value}" for name, value in summary.items() if name != "by_kind"]
    rows = [f"{'kind':24}{'resources':>10}{'callable':>10}{'typical MW':>12}"]
    if isinstance(by_kind, dict):
        rows += [
            f"{kind:24}{row['resources']:10}{row['callable']:10}{row['callable_typical_kw'] / 1000:12.2f}"
            for kind, row in by_kind.items()
        ]
    return "\n".join([*plain, "", *rows])
