"""Carries a Dockerfile's build steps out in plain folders, by chroot, where no container engine is at hand.

Needs root. Each stage is a folder that begins as a copy of its base; each step runs in mount and process namespaces of
its own, so that nothing stays mounted whatever happens.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.container.dockerfile import DockerfileError, Stage, Step, expand, ignore_rules, ignored

SUITES = {"12": "bookworm", "13": "trixie"}
FIRST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_IN_NAMESPACE = """\
set -e
root=$1; shift
mount -t proc proc "$root/proc"
while [ "$1" != -- ]; do mount --bind "$1" "$root$1"; shift; done
shift
exec chroot "$root" "$@"
"""
_LOCAL_PATH = re.compile(r"(file://)?(/[\w./+-]+)")


@dataclass(frozen=True, slots=True)
class PipSettings:
    """How this machine's pip finds packages; handed to the build's pip for the check only.

    Attributes:
        environment: As ``PIP_...`` variables.
        paths: Local files and folders that these name.
    """

    environment: Mapping[str, str]
    paths: tuple[Path, ...]

    @classmethod
    def of_this_machine(cls) -> "PipSettings":
        """What ``pip config list`` tells."""
        listed = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
        ).stdout
        pairs = (line.partition("=") for line in listed.splitlines() if "=" in line)
        found = {key.rpartition(".")[2].upper().replace("-", "_"): value.strip("'\"") for key, _, value in pairs}
        named = [(scheme, Path(path)) for value in found.values() for scheme, path in _LOCAL_PATH.findall(value)]
        # The pages of an index on disk lead to files beside them.
        tops = sorted({path.parent if scheme else path for scheme, path in named if path.exists()})
        return cls({f"PIP_{name}": value for name, value in found.items()}, tuple(tops))


class Build:
    """The stages of one Dockerfile as folders below ``work``."""

    def __init__(self, context: Path, work: Path) -> None:
        self._context = context
        self._work = work
        self._rules = ignore_rules((context / ".dockerignore").read_text(encoding="utf-8"))
        self._pip = PipSettings.of_this_machine()
        self._roots: dict[str, Path] = {}

    def stage(self, stage: Stage) -> Path:
        """Carries the stage out; gives the folder that holds it."""
        root = self._roots[stage.name] = self._work / stage.name
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["cp", "--archive", "--reflink=auto", str(self._base(stage.base)), str(root)], check=True)
        environment, folder = {"PATH": FIRST_PATH}, "/"
        for step in stage.steps:
            say(f"{stage.name}: line {step.line}: {step.name} {' '.join(step.words)[:100]}")
            match step.name:
                case "ARG":
                    environment |= _argument(step)
                case "ENV":
                    pairs = (word.split("=", 1) for word in step.words)
                    environment |= {name: expand(value, environment) for name, value in pairs}
                case "WORKDIR":
                    folder = str(Path(folder) / step.words[0])
                    _inside(root, folder).mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(step, root, folder)
                case "RUN":
                    self._run(step, root, folder, environment)
                case _:
                    pass  # Says how the image is run, which is looked at later.
        return root

    def _base(self, image: str) -> Path:
        """A minimal Debian of the release that the image's tag names, made once."""
        match = re.fullmatch(r"debian:(\d+)\.\d+-slim", image)
        if match is None or match[1] not in SUITES:
            raise DockerfileError(f"base {image!r} cannot be made here: expected debian:N.M-slim with N in {[*SUITES]}")
        suite = SUITES[match[1]]
        base = self._work / f"base-{suite}"
        if not base.exists():
            part = base.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            subprocess.run(["debootstrap", "--variant=minbase", suite, str(part)], check=True)
            part.rename(base)
        return base

    def _copy(self, step: Step, root: Path, folder: str) -> None:
        *sources, target = step.words
        into = _inside(root, str(Path(folder) / target))
        if "from" in step.flags:
            for source in sources:
                into.mkdir(parents=True, exist_ok=True)
                origin = _inside(self._roots[step.flags["from"]], source)
                subprocess.run(["cp", "--archive", f"{origin}/.", str(into)], check=True)
            return
        for source in sources:
            taken = list(self._taken(source))
            if not taken:
                raise DockerfileError(f"line {step.line}: COPY {source}: not in the build context")
            for path in taken:
                relative = path.relative_to(source) if Path(source) != path else Path(path.name)
                (into / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self._context / path, into / relative)

    def _taken(self, source: str) -> Iterator[Path]:
        """Files of the context below ``source``, without what ``.dockerignore`` keeps out."""
        origin = self._context / source
        files = [origin] if origin.is_file() else sorted(path for path in origin.rglob("*") if path.is_file())
        for file in files:
            relative = file.relative_to(self._context)
            if not ignored(relative.as_posix(), self._rules):
                yield relative

    def _run(self, step: Step, root: Path, folder: str, environment: Mapping[str, str]) -> None:
        shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
        uses_pip = "pip" in step.words[0]
        binds = self._pip.paths if uses_pip else ()
        made = [point for path in binds for point in _mount_point(root, path)]
        variables = {**environment, **(self._pip.environment if uses_pip else {})}
        enter = ("/bin/sh", "-c", 'cd "$0" && exec /bin/sh -c "$1"', folder, step.words[0])
        try:
            subprocess.run([*namespace(root, binds), *as_env(variables), *enter], check=True)
        except subprocess.CalledProcessError as error:
            raise DockerfileError(f"line {step.line}: RUN ended with {error.returncode}") from error
        finally:
            for point in reversed(made):
                point.rmdir() if point.is_dir() else point.unlink()


def namespace(root: Path, binds: Sequence[Path] = ()) -> list[str]:
    """Words in front of a command that is to run inside ``root``."""
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    return [*apart, "sh", "-c", _IN_NAMESPACE, "image-check", str(root), *map(str, binds), "--"]


def as_env(variables: Mapping[str, str]) -> list[str]:
    """``env`` with these variables and no others."""
    return ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in variables.items())]


def say(text: str) -> None:
    """One line of progress."""
    print(text, flush=True)  # noqa: T201 - the check's output


def _argument(step: Step) -> dict[str, str]:
    """The argument's value: this machine's, else its default; an engine does not set one that has neither."""
    name, given, default = step.words[0].partition("=")
    if name in os.environ and name.startswith("PIP_"):
        return {name: os.environ[name]}
    return {name: default} if given else {}


def _inside(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _mount_point(root: Path, path: Path) -> list[Path]:
    """Makes something to mount ``path`` on; gives what had to be made."""
    missing = [point for point in reversed([path, *path.parents][:-1]) if not _inside(root, str(point)).exists()]
    made = [_inside(root, str(point)) for point in missing]
    for point in made[:-1] if path.is_file() else made:
        point.mkdir()
    if made and path.is_file():
        made[-1].touch()
    return made
