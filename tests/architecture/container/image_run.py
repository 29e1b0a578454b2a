"""Runs what an image's folder holds as an engine would: its user, its environment, a tree that cannot be written to.

``entered`` must be used within mount and network namespaces of its own (``image_check`` sees to it), so that port 8000
is free and nothing stays mounted.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.container.dockerfile import Stage
from tests.architecture.container.image_build import FIRST_PATH, as_env, say

_ENTER = ("/bin/sh", "-c", 'cd "$0" && exec "$@"')
_ASK_EVERY_S = 1.0


class ImageCheckError(RuntimeError):
    """The image does not do what it should."""


@dataclass(frozen=True, slots=True)
class Container:
    """The final stage, ready to run.

    Attributes:
        volume: Where its data volume lies on this machine.
        secrets: Where ``/run/secrets`` lies on this machine.
    """

    stage: Stage
    root: Path
    volume: Path
    secrets: Path

    def words(self, command: Sequence[str]) -> list[str]:
        """A command inside, as the image's user, with the image's environment and no other."""
        user, _, group = self.stage.last("USER").words[0].partition(":")
        environment = {"PATH": FIRST_PATH, "HOME": "/var/lib/vpp", **self.stage.environment()}
        apart = ["chroot", f"--userspec={user}:{group}", f"--groups={group}", str(self.root)]
        return [*apart, *as_env(environment), *_ENTER, self.stage.last("WORKDIR").words[0], *command]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return subprocess.run(self.words(command), capture_output=True, text=True, check=False, timeout=600)

    def expect(self, what: str, *command: str, fails: bool = False) -> str:
        """Runs a command that should end well (or badly); gives what it printed.

        Raises:
            ImageCheckError: it did not.
        """
        ended = self.run(*command)
        if (ended.returncode != 0) is not fails:
            raise ImageCheckError(
                f"{what}: {' '.join(command)} ended with {ended.returncode}\n{ended.stdout}{ended.stderr}"
            )
        say(f"ok: {what}")
        return ended.stdout.strip()

    @contextmanager
    def started(self, name: str, *command: str, stop_within_s: float = 20.0) -> Iterator[subprocess.Popen[bytes]]:
        """A process inside that is ended by the image's stop signal, and must then end well.

        Raises:
            ImageCheckError: it ended before, does not end, or ends badly.
        """
        log = self.volume.parent / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(self.words(command), stdout=output, stderr=subprocess.STDOUT)
            try:
                yield process
                if process.poll() is not None:
                    raise ImageCheckError(
                        f"{name} ended by itself with {process.returncode}:\n{log.read_text()[-4000:]}"
                    )
                process.terminate()
                code = process.wait(timeout=stop_within_s)
                if code != 0:
                    raise ImageCheckError(f"{name}: {code} after its stop signal:\n{log.read_text()[-4000:]}")
                say(f"ok: {name} ends well after its stop signal")
            except subprocess.TimeoutExpired as error:
                raise ImageCheckError(f"{name} is still there {stop_within_s:g} s after its stop signal") from error
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()

    def wait_for(self, what: str, *command: str, within_s: float = 120.0) -> str:
        """Asks again and again until a command ends well; gives what it printed.

        Raises:
            ImageCheckError: it never did.
        """
        deadline = time.monotonic() + within_s
        while True:
            ended = self.run(*command)
            if ended.returncode == 0:
                say(f"ok: {what}")
                return ended.stdout
            if time.monotonic() > deadline:
                logs = "".join(f"\n{log.name}:\n{log.read_text()[-3000:]}" for log in self.volume.parent.glob("*.log"))
                raise ImageCheckError(f"{what}: not within {within_s:g} s\n{ended.stdout}{ended.stderr}{logs}")
            time.sleep(_ASK_EVERY_S)


def entered(stage: Stage, root: Path, work: Path, *, configs: Path, names: Sequence[str]) -> Container:
    """Mounts what an engine would: a read-only tree, a fresh volume, secrets, ``/configs``, ``/tmp``, ``/dev/shm``.

    Args:
        stage: The image.
        root: Its folder.
        work: Where volume, secrets and logs go; emptied.
        configs: What compose.yaml mounts on ``/configs``.
        names: Hosts that are this very machine.
    """
    shutil.rmtree(work, ignore_errors=True)
    volume, secrets = work / "volume", work / "secrets"
    volume.mkdir(parents=True)
    secrets.mkdir()
    user, _, group = stage.last("USER").words[0].partition(":")
    os.chown(volume, int(user), int(group))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    target = root / stage.last("VOLUME").words[0].lstrip("/")
    (root / "run" / "secrets").mkdir(parents=True, exist_ok=True)
    (root / "dev" / "shm").mkdir(exist_ok=True)
    (root / "configs").mkdir(exist_ok=True)
    (root / "etc" / "hosts").touch()
    hosts = work / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {' '.join(names)}\n", encoding="utf-8")
    for words in (
        ["mount", "--bind", str(root), str(root)],
        ["mount", "-o", "remount,bind,ro", str(root)],
        ["mount", "-t", "proc", "proc", str(root / "proc")],
        ["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(root / "tmp")],
        ["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(root / "dev" / "shm")],
        ["mount", "--bind", str(volume), str(target)],
        ["mount", "--bind", "-o", "ro", str(secrets), str(root / "run" / "secrets")],
        ["mount", "--bind", "-o", "ro", str(configs), str(root / "configs")],
        ["mount", "--bind", "-o", "ro", str(hosts), str(root / "etc" / "hosts")],
    ):
        subprocess.run(words, check=True)
    return Container(stage, root, volume, secrets)
