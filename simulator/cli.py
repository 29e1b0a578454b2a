"""The ``vpp-sim`` command: looks into a simulated district without a controller."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from simulator.district import District

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
