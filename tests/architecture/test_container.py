"""Dockerfile, compose.yaml and what they mount: structure and rules. ``make image-check`` carries the steps out."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.container.dockerfile import (
    DockerfileError,
    Stage,
    expand,
    ignore_rules,
    ignored,
    read_dockerfile,
)
from tests.architecture.container.image_lint import findings

ROOT = Path(__file__).parents[2]
OURS = ("setup", "controller", "adapters", "devices", "people")
ONCE = "setup"
METRIC = re.compile(r"\bvpp_[a-z0-9_]+")

Tree = dict[str, Any]


@pytest.fixture(scope="module")
def stages() -> tuple[Stage, ...]:
    return read_dockerfile(ROOT / "Dockerfile")


@pytest.fixture(scope="module")
def compose() -> Tree:
    content: Tree = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return content


def written(folder: Path, text: str) -> Path:
    path = folder / "Dockerfile"
    path.write_text(text, encoding="utf-8")
    return path


def test_dockerfile__follows_every_rule(stages: tuple[Stage, ...]) -> None:
    assert [stage.name for stage in stages] == ["build", "runtime"]
    assert findings(stages) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("FROM debian:12.11-slim AS runtime", "FROM debian AS runtime", "has no version in its tag"),
        ("FROM debian:12.11-slim AS runtime", "FROM debian:latest AS runtime", "has no version in its tag"),
        ("USER 10001:10001", "USER root", "expected numbers from 1000 on"),
        ("USER 10001:10001\n", "", "has no USER"),
        ("STOPSIGNAL SIGTERM\n", "", "has no STOPSIGNAL"),
        (" --no-install-recommends ca-certificates python3 tzdata", " python3", "without --no-install-recommends"),
        ("python3 tzdata \\\n    && rm -rf /var/lib/apt/lists/*", "python3 tzdata", "the package lists stay"),
        ("RUN apt-get update --quiet=2 \\\n    && apt-get", "RUN apt-get", "without apt-get update"),
        (" --no-cache-dir", "", "pip install without --no-cache-dir"),
        (" --require-hashes", "", "of something that no hash pins"),
        ("PYTHONSAFEPATH=1", "PYTHONSAFEPATH=0", "PYTHONSAFEPATH is '0'"),
        ("LANG=C.UTF-8", "BROKER_PASSWORD=easy", "looks like a secret"),
        ("COPY vpp ./vpp", "COPY . ./", "COPY . takes whatever lies there"),
        ("USER 10001:10001", "USER 10001:10001\nRUN touch /x", "RUN behind USER"),
        ("ARG PIP_INDEX_URL\n", "ARG PIP_INDEX_URL=https://packages.example.org/simple\n", "names an address"),
    ],
)
def test_findings__each_rule_finds_its_violation(tmp_path: Path, old: str, new: str, found: str) -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert old in text

    sentences = findings(read_dockerfile(written(tmp_path, text.replace(old, new))))

    assert any(found in sentence for sentence in sentences), sentences


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("RUN x\n", "line 1: RUN before the first FROM"),
        ("FROM a:1\n", "line 1: FROM 'a:1', expected base AS name"),
        ("FROM a:1 AS b\nADD x y\n", "line 2: instruction ADD is not known here"),
        ("FROM a:1 AS b\nCOPY --chmod=755 x y\n", "line 2: COPY --chmod is not known here"),
        ("FROM a:1 AS b\nCOPY x\n", "line 2: COPY 'x', expected sources and a target"),
        ("FROM a:1 AS b\nCMD vpp serve\n", "line 2: CMD 'vpp serve', expected a JSON list of texts"),
        ("FROM a:1 AS b\nENTRYPOINT [1]\n", "line 2: ENTRYPOINT '[1]', expected a JSON list of texts"),
        ('FROM a:1 AS b\nRUN ["x"]\n', "line 2: RUN in exec form is not known here"),
        ("FROM a:1 AS b\nHEALTHCHECK NONE\n", "line 2: HEALTHCHECK 'NONE', expected CMD [...]"),
        ("FROM a:1 AS b\nENV A 1\n", "line 2: ENV 'A 1', expected name=value"),
        ("FROM a:1 AS b\nRUN x \\\n", "line 2: goes on behind the end of the file"),
        ("# nothing\n", "no FROM: expected at least one stage"),
    ],
)
def test_read_dockerfile__refuses_what_the_check_could_not_carry_out(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DockerfileError, match=re.escape(said)):
        read_dockerfile(written(tmp_path, text))


def test_expand__replaces_what_is_set() -> None:
    assert expand("$A/${B}/$C", {"A": "1", "B": "2"}) == "1/2/"


def test_ignored__image_gets_the_packages_and_nothing_else() -> None:
    rules = ignore_rules((ROOT / ".dockerignore").read_text(encoding="utf-8"))
    kept = ["pyproject.toml", "requirements.lock", "vpp/cli/app.py", "configs/programs/tianjin-peak.yaml"]
    out = [".git/config", "secrets/postgres", "out/store/ledger.sqlite", ".env", "tests/conftest.py", "compose.yaml"]
    out += ["vpp/__pycache__/x.cpython-311.pyc", "configs/left.sqlite-wal", "configs/secrets/x", "vpp/.env"]

    assert [path for path in kept if ignored(path, rules)] == []
    assert [path for path in out if not ignored(path, rules)] == []


def test_compose__has_the_whole_service(compose: Tree) -> None:
    assert set(compose["services"]) == {*OURS, "mosquitto", "postgres", "prometheus", "grafana"}
    images = {name: service["image"] for name, service in compose["services"].items()}
    assert len({images[name] for name in OURS}) == 1
    assert all(re.fullmatch(r"[a-z0-9./-]+:v?\d+\.\d+[\w.-]*", image) for image in images.values()), images


def test_compose__each_part_restarts_on_its_own_within_limits(compose: Tree) -> None:
    for name, service in compose["services"].items():
        assert service["restart"] == ("no" if name == ONCE else "unless-stopped"), name
        assert service["init"] is True, name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        assert service["pids_limit"] > 0, name
        assert service["logging"]["options"]["max-size"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_compose__our_containers_can_change_nothing_but_their_volume(compose: Tree) -> None:
    for name in OURS:
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "user" not in service, "the image's own user"
        assert [volume for volume in service["volumes"] if not volume.endswith(":ro")] == ["district:/var/lib/vpp"]


def test_compose__waits_for_what_can_be_waited_for(compose: Tree) -> None:
    """A service that others wait for healthily has a check; one without says so."""
    services = compose["services"]
    unchecked = {name for name, service in services.items() if service.get("healthcheck", {}).get("disable")}
    assert unchecked == {"setup", "people"}
    # The controller's check is the image's own.
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"controller"}
    for name, service in services.items():
        for other, told in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other == ONCE else "service_healthy"
            assert told["condition"] == wanted, f"{name} waits for {other}"
            assert wanted != "service_healthy" or other not in unchecked, f"{name} waits for {other}"


def test_compose__is_reached_from_this_machine_only(compose: Tree) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert len(published) == 3
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in published), published
    ways_out = {name for name, told in compose["networks"].items() if not told.get("internal")}
    assert ways_out == {"edge"}
    inside = {"postgres", "mosquitto", "devices", "adapters"}
    assert not any("edge" in compose["services"][name]["networks"] for name in inside)


def test_compose__every_name_is_declared_and_every_file_is_there(compose: Tree) -> None:
    used_volumes, used_secrets, used_networks = set(), set(), set()
    for service in compose["services"].values():
        used_secrets |= set(service.get("secrets", ()))
        used_networks |= set(service["networks"])
        for volume in service.get("volumes", ()):
            source, target, *mode = volume.split(":")
            assert target.startswith("/")
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
                assert mode == ["ro"], volume
            else:
                used_volumes.add(source)
    assert used_volumes == set(compose["volumes"])
    assert used_secrets == set(compose["secrets"])
    assert used_networks == set(compose["networks"])


def test_compose__no_password_stands_anywhere(compose: Tree) -> None:
    """Secrets are files that ``.ci/make-secrets`` makes and git never sees."""
    for name, told in compose["secrets"].items():
        assert told == {"file": f"./secrets/{name}"}
    maker = (ROOT / ".ci" / "make-secrets").read_text(encoding="utf-8")
    made = {"broker_controller", "broker_gateways", "mosquitto_passwords", "postgres", "grafana"}
    assert set(compose["secrets"]) == made
    assert all(name.removeprefix("broker_") in maker for name in made)
    assert {"/secrets/", ".env"} <= set((ROOT / ".gitignore").read_text(encoding="utf-8").splitlines())
    for service in compose["services"].values():
        for variable, value in service.get("environment", {}).items():
            assert "PASSWORD" not in variable or (variable.endswith("_FILE") and value.startswith("/run/secrets/"))


def test_compose__scraped_ports_and_hosts_are_those_of_the_services(compose: Tree) -> None:
    scraping = yaml.safe_load((ROOT / "configs" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in scraping["scrape_configs"]}

    assert targets == {
        "controller": ["controller:8000"],
        "adapters": ["adapters:9101"],
        "prometheus": ["127.0.0.1:9090"],
    }
    for name in ("controller", "adapters", "prometheus"):
        assert "watch" in compose["services"][name]["networks"]
    mounted = [volume.split(":")[1] for volume in compose["services"]["prometheus"]["volumes"]]
    assert set(scraping["rule_files"]) <= set(mounted)


def counted_names() -> dict[str, str]:
    """Every metric that our code counts or sets, with its kind."""
    found: dict[str, str] = {}
    for package in ("vpp", "adapters"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in {"count", "_count", "gauge"}
                    and node.args
                    and isinstance(node.args[0], ast.Constant)
                    and isinstance(node.args[0].value, str)
                ):
                    name = "vpp_" + node.args[0].value.removeprefix("vpp_")
                    kind = "gauge" if node.func.attr == "gauge" else "count"
                    found[name if kind == "gauge" else name.removesuffix("_total") + "_total"] = kind
    return found


def expressions() -> list[str]:
    """All of Prometheus's expressions that we ship."""
    rules = yaml.safe_load((ROOT / "configs" / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    dashboard = json.loads((ROOT / "configs" / "grafana" / "dashboards" / "vpp.json").read_text(encoding="utf-8"))
    alerts = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return alerts + [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]


def test_expressions__name_only_what_the_program_counts() -> None:
    counted = counted_names()
    assert len(counted) > 30
    for expression in expressions():
        plain = re.sub(r'\{__name__=~"vpp_\(([a-z_|]+)\)_total"\}', _named, expression)
        unknown = [name for name in METRIC.findall(plain) if name not in counted]
        assert unknown == [], expression


def _named(match: re.Match[str]) -> str:
    return " ".join(f"vpp_{name}_total" for name in match[1].split("|"))


def test_expressions__counters_are_never_read_bare() -> None:
    """A counter's height says nothing; only how it rises does."""
    counters = {name for name, kind in counted_names().items() if kind == "count"}
    for expression in expressions():
        for name in METRIC.findall(expression):
            if name in counters:
                risen = re.search(rf"\b(rate|increase)\({name}\[\d+[mh]\]\)", expression)
                bare = re.sub(
                    rf"(rate|increase)\({name}\[\d+[mh]\]\)|\({name} unless {name} offset \d+m\)", "", expression
                )
                assert risen, expression
                assert name not in bare, expression


def test_manual__names_every_metric() -> None:
    manual = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    assert [name for name in sorted(counted_names()) if f"`{name}`" not in manual] == []


def test_alerts__each_has_a_paragraph_in_the_operating_manual() -> None:
    rules = yaml.safe_load((ROOT / "configs" / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    manual = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    names = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]

    assert len(names) == len(set(names))
    assert [name for name in names if f"`{name}`" not in manual] == []
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"]["summary"]
            assert rule["labels"]["severity"] in {"warning", "critical"}


def test_dashboard__panels_have_their_place_and_their_source() -> None:
    folder = ROOT / "configs" / "grafana"
    source = yaml.safe_load((folder / "provisioning" / "datasources" / "prometheus.yml").read_text(encoding="utf-8"))
    provider = yaml.safe_load((folder / "provisioning" / "dashboards" / "vpp.yml").read_text(encoding="utf-8"))
    dashboard = json.loads((folder / "dashboards" / "vpp.json").read_text(encoding="utf-8"))
    (uid,) = [told["uid"] for told in source["datasources"]]
    panels = dashboard["panels"]

    assert provider["providers"][0]["options"]["path"] == "/var/lib/grafana/dashboards"
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, f"{panel['title']} overlaps"
        taken |= cells
        assert all(target["datasource"]["uid"] == uid for target in panel.get("targets", ()))


def test_ports__health_checks_ask_where_something_listens(stages: tuple[Stage, ...], compose: Tree) -> None:
    asked = re.findall(r"127\.0\.0\.1:(\d+)", " ".join(stages[-1].last("HEALTHCHECK").words))
    assert asked == ["8000"]
    assert stages[-1].last("EXPOSE").words == ("8000",)
    assert "127.0.0.1:8000:8000" in compose["services"]["controller"]["ports"]
