"""What a command loads before it has work: a subprocess each, since a test run has loaded everything long ago."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "alembic",
    "amqtt",
    "bokeh",
    "fastapi",
    "highspy",
    "httpx",
    "jinja2",
    "msgspec",
    "numpy",
    "optimizer",
    "pyarrow",
    "pymodbus",
    "pyomo",
    "scipy",
    "sqlalchemy",
    "uvicorn",
}
OURS = {"adapters", "optimizer", "simulator", "vpp"}


def loaded_after(code: str) -> set[str]:
    """Names of the modules that a new interpreter has loaded after ``code``."""
    report = "import json, sys; sys.stderr.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stderr))


def helped(app: str, *words: str) -> str:
    """Code that runs a command's help as far as its printed page."""
    return f"from {app} import app\napp({[*words, '--help']!r}, standalone_mode=False)"


@pytest.mark.parametrize("words", [(), ("demo",)])
def test_vpp__help_loads_nothing_heavy(words: tuple[str, ...]) -> None:
    modules = loaded_after(helped("vpp.cli.app", *words))

    assert "vpp.cli.records" in modules
    assert modules & HEAVY == set()
    assert not any(name.startswith(("vpp.bootstrap", "vpp.infra", "vpp.services")) for name in modules)


def test_vpp_sim__help_loads_nothing_heavy() -> None:
    modules = loaded_after(helped("simulator.cli"))

    assert modules & HEAVY == set()
    assert {name.partition(".")[0] for name in modules} & OURS == {"simulator"}


def refused(app: str, *words: str) -> str:
    """Code that runs a command up to its refusal of a file that is not there, with all that it needs loaded."""
    call = f"app({list(words)!r}, standalone_mode=False)"
    # What the refusal says is none of this test's business; standard error carries the modules.
    return (
        f"import contextlib, io, typer\nfrom {app} import app\n"
        f"with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(typer.Exit):\n    {call}"
    )


def test_adapters_run__without_optimiser_pages_and_databases() -> None:
    modules = loaded_after(refused("vpp.cli.app", "adapters", "run", "--config", "nowhere.yaml"))

    assert "adapters.bootstrap" in modules
    assert modules & {"alembic", "bokeh", "fastapi", "highspy", "optimizer", "pyarrow", "pyomo", "sqlalchemy"} == set()


def test_devices__simulator_only() -> None:
    modules = loaded_after(refused("simulator.cli", "devices", "--config", "nowhere.yaml"))

    assert "simulator.protocols.service" in modules
    assert {name.partition(".")[0] for name in modules} & OURS == {"simulator"}
    assert not any(name.startswith("simulator.harness") for name in modules)


@pytest.mark.parametrize("words", [("report", "e"), ("event", "list")])
def test_records__without_optimiser_and_pages(words: tuple[str, ...]) -> None:
    modules = loaded_after(refused("vpp.cli.app", *words, "--store", "nowhere"))

    assert "vpp.bootstrap.records" in modules
    assert modules & {"bokeh", "fastapi", "highspy", "httpx", "optimizer", "pyarrow", "pyomo", "scipy"} == set()


def test_event_list__of_a_running_controller_without_its_insides() -> None:
    modules = loaded_after(refused("vpp.cli.app", "event", "list", "--url", "http://127.0.0.1:1"))

    assert "httpx" in modules
    assert modules & (HEAVY - {"httpx"}) == set()
    assert not any(name.startswith(("vpp.bootstrap", "vpp.infra", "vpp.services")) for name in modules)
