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

app = typer.Typer(name="vpp-sim", no_args_is_help=True, help="The simulated district, apart from any controller.")


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
