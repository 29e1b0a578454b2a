"""``make image-check``: builds and runs the image without a container engine, and looks at what stands around it.

Needs root, Debian's debootstrap, Mosquitto and a way to Debian's packages and to pip's. Not part of ``make test``: it
takes minutes. ``--no-build`` looks again at what the last run built, ``--whole`` starts the whole district in place of
a small one. What it cannot try: an engine itself, its networks and volumes, and the images of others.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.architecture.container.dockerfile import DockerfileError, Stage, read_dockerfile
from tests.architecture.container.image_build import Build, say
from tests.architecture.container.image_lint import findings
from tests.architecture.container.image_run import Container, ImageCheckError, entered
from tests.contract.mosquitto_process import mosquitto_from, shipped_config

ROOT = Path(__file__).parents[3]
WORK = ROOT / "build" / "image-check"
# Only looked into, not installed: the first checks Prometheus's files, the second brings a schema of compose files.
TOOLS = ("prometheus", "docker-compose")
COMMANDS = (
    ("vpp", "serve"),
    ("vpp", "adapters", "run"),
    ("vpp", "audit", "verify"),
    ("vpp-sim", "devices"),
    ("vpp-sim", "setup"),
    ("vpp-sim", "people"),
)
FIELD = ("devices", "adapters", "people")
WHOLE, SMALL = "summer-peak", "quick"
_PYTHON = ("python", "-c")
_READY = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/readyz', timeout=4).read().decode())"
_GATEWAYS = """\
import re, sys, urllib.request as u
text = u.urlopen('http://127.0.0.1:8000/metrics', timeout=4).read().decode()
online = re.search(r'^vpp_gateways_online (\\S+)$', text, re.M)
stored = re.search(r'^vpp_readings_stored_total (\\S+)$', text, re.M)
print(online and online[1], 'gateways,', stored and stored[1], 'readings')
sys.exit(not (online and stored and float(online[1]) == {count} and float(stored[1]) > 0))
"""


def main(words: list[str]) -> int:
    """0 when everything is as it should be."""
    if os.geteuid() != 0:
        sys.stderr.write("image-check needs root: it uses chroot and mounts\n")
        return 2
    stages = read_dockerfile(ROOT / "Dockerfile")
    try:
        if "--inside" in words:
            root, names = WORK / stages[-1].name, ("controller", "adapters", "devices", "mosquitto", "postgres")
            scenario = WHOLE if "--whole" in words else SMALL
            check_image(entered(stages[-1], root, WORK / "run", configs=ROOT / "configs", names=names), scenario)
            return 0
        check_rules(stages)
        check_files()
        if "--no-build" not in words:
            build = Build(ROOT, WORK)
            for stage in stages:
                build.stage(stage)
    except (DockerfileError, ImageCheckError) as error:
        sys.stderr.write(f"image-check: {error}\n")
        return 1
    return in_namespaces(WORK / stages[-1].name, [word for word in words if word == "--whole"])


def in_namespaces(root: Path, words: Sequence[str]) -> int:
    """Looks at the built image within mount, process and network namespaces of their own; gives the exit code."""
    apart = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc"]
    inside = [sys.executable, "-m", "tests.architecture.container.image_check", "--inside", *words]
    code = subprocess.run([*apart, "--propagation", "private", *inside], cwd=ROOT, check=False).returncode
    if code == 0:
        size = subprocess.run(["du", "-sm", str(root)], capture_output=True, text=True, check=True)
        say(f"image-check: all is well; the image's tree has {size.stdout.split()[0]} MB")
    return code


def check_rules(stages: Sequence[Stage]) -> None:
    """The Dockerfile's rules."""
    if wrong := findings(stages):
        raise ImageCheckError("\n".join(wrong))
    say("ok: the Dockerfile follows every rule")


def check_files() -> None:
    """compose.yaml against a schema of its language, Prometheus's files with its own tool."""
    tools = WORK / "tools"
    if not tools.exists():
        part = tools.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        subprocess.run(["apt-get", "download", "--quiet=2", *TOOLS], cwd=part, check=True)
        for package in part.glob("*.deb"):
            subprocess.run(["dpkg-deb", "--extract", str(package), str(part)], check=True)
        part.rename(tools)
    (schema_file,) = tools.rglob("compose_spec.json")
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    schema = json.loads(schema_file.read_text(encoding="utf-8"))
    faults = [
        f"compose.yaml: {e.json_path}: {e.message}" for e in jsonschema.Draft7Validator(schema).iter_errors(compose)
    ]
    if faults:
        raise ImageCheckError("\n".join(faults))
    say("ok: compose.yaml fits the schema of compose files")
    folder = ROOT / "configs" / "prometheus"
    here = WORK / "prometheus.yml"
    text = (folder / "prometheus.yml").read_text(encoding="utf-8")
    here.write_text(text.replace("/etc/prometheus/alerts.yml", str(folder / "alerts.yml")), encoding="utf-8")
    promtool = str(tools / "usr" / "bin" / "promtool")
    for words in (("check", "config", str(here)), ("test", "rules", str(folder / "alerts_test.yml"))):
        checked = subprocess.run([promtool, *words], capture_output=True, text=True, check=False)
        if checked.returncode != 0:
            raise ImageCheckError(f"promtool {' '.join(words)}: {checked.stdout}{checked.stderr}")
    say("ok: promtool takes prometheus.yml and alerts.yml, and the alerts' own tests pass")


def check_image(container: Container, scenario: str) -> None:
    """Everything that is tried inside."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entry = container.stage.last("ENTRYPOINT").words
    version = container.expect("the entry point answers", *entry, "--version")
    if version != project["version"]:
        raise ImageCheckError(f"vpp --version says {version!r}, expected {project['version']!r}")
    for command in COMMANDS:
        container.expect(f"{' '.join(command)} is there", *command, "--help")
    check_closed(container)
    check_service(container, scenario)


def check_closed(container: Container) -> None:
    """Nothing of the image can be changed or added to."""
    container.expect("the program's tree cannot be written to", "touch", "/opt/vpp/x", fails=True)
    container.expect("the system's tree cannot be written to", "touch", "/usr/local/x", fails=True)
    container.expect("there is no pip", *_PYTHON, "import pip", fails=True)
    container.expect("there is no compiler", "cc", "--version", fails=True)
    who = container.expect(
        "it does not run as root", *_PYTHON, "import os; print(os.getuid(), os.getgid(), os.getgroups())"
    )
    if who != "10001 10001 [10001]":
        raise ImageCheckError(f"user, group and groups are {who}")
    for name in ("vpp", "json"):
        (container.volume / f"{name}.py").write_text("raise SystemExit('a file of the working folder was imported')\n")
    container.expect("files of the working folder are not imported", *_PYTHON, "import json, vpp.bootstrap")
    for name in ("vpp", "json"):
        (container.volume / f"{name}.py").unlink()
    zone = "import zoneinfo; print(zoneinfo.ZoneInfo('Asia/Shanghai'))"
    container.expect("the trading day's time zone is there", *_PYTHON, zone)


def check_service(container: Container, scenario: str) -> None:
    """All parts exactly as compose.yaml starts them, with its names of hosts: first without a broker, then with it."""
    folder = container.volume.parent
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    commands = {name: command_of(container, services[name], scenario) for name in ("setup", "controller", *FIELD)}
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "make-secrets", folder / ".ci")
    subprocess.run([sys.executable, str(folder / ".ci" / "make-secrets")], check=True, stdout=subprocess.DEVNULL)
    # An engine mounts each file by itself; here the folder is mounted.
    container.secrets.chmod(0o755)
    with running_postgres(folder, container.secrets / "postgres"):
        container.expect("setup makes a district", *commands["setup"])
        container.expect("setup leaves a district as it is", *commands["setup"])
        with container.started("controller", *commands["controller"]) as controller:
            container.wait_for("controller is healthy, without a broker", *container.stage.last("HEALTHCHECK").words)
            container.expect("controller does not say that it is ready", *_PYTHON, _READY, fails=True)
            text = shipped_config(folder, 1883, passwords=container.secrets / "mosquitto_passwords")
            with ExitStack() as stack:
                stack.enter_context(mosquitto_from(folder, text))
                running = {name: stack.enter_context(container.started(name, *commands[name])) for name in FIELD}
                for name in ("devices", "adapters"):
                    container.wait_for(f"{name} is healthy", *services[name]["healthcheck"]["test"][1:])
                container.wait_for("controller is ready", *_PYTHON, _READY)
                told = yaml.safe_load((container.volume / "district" / "adapters.yaml").read_text(encoding="utf-8"))
                count = len(told["gateways"])
                what = f"{count} gateways are online and their readings are stored"
                say("    " + container.wait_for(what, *_PYTHON, _GATEWAYS.format(count=count), within_s=240.0).strip())
                peaks = {name: peak_mb(process.pid) for name, process in {"controller": controller, **running}.items()}
                say("    memory at its peak, in MB: " + ", ".join(f"{name} {mb}" for name, mb in peaks.items()))


def command_of(container: Container, service: Mapping[str, Any], scenario: str) -> list[str]:
    """What an engine would start, with ``scenario`` in place of the whole district's."""
    words = [*service.get("entrypoint", container.stage.last("ENTRYPOINT").words), *service["command"]]
    return [word.replace(WHOLE, scenario) for word in words]


def peak_mb(pid: int) -> int:
    """Most memory that a process, without its children, has held."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1000)


@contextmanager
def running_postgres(folder: Path, password: Path) -> Iterator[None]:
    """Debian's PostgreSQL as compose.yaml sets its own up: one database, one user with a password."""
    (programs,) = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
    data = folder / "postgres"
    data.mkdir()
    secret = folder / "postgres.password"
    shutil.copy(password, secret)
    for path in (data, secret):
        shutil.chown(path, "postgres", "postgres")
    as_postgres = ["runuser", "-u", "postgres", "--"]
    set_up = ["--username=vpp", f"--pwfile={secret}", "--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"]
    control = [*as_postgres, str(programs / "pg_ctl"), f"--pgdata={data}", "--wait", "--silent"]
    options = f"-c listen_addresses=127.0.0.1 -c port=5432 -c unix_socket_directories={data}"
    login = {**os.environ, "PGPASSWORD": password.read_text(encoding="utf-8")}
    quiet = subprocess.DEVNULL
    subprocess.run([*as_postgres, str(programs / "initdb"), f"--pgdata={data}", *set_up], check=True, stdout=quiet)
    subprocess.run([*control, "start", f"--log={data}/log", f"--options={options}"], check=True)
    try:
        create = [str(programs / "createdb"), "--host=127.0.0.1", "--username=vpp", "vpp"]
        subprocess.run(create, check=True, env=login)
        yield
    finally:
        subprocess.run([*control, "stop", "--mode=fast"], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
