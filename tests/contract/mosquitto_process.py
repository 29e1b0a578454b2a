"""Debian's mosquitto as a child process on a free loopback port."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SHIPPED = Path(__file__).parents[2] / "configs" / "mosquitto"


def mosquitto_path() -> str:
    """Where the broker's program is; the test fails, rather than being skipped, when it is missing."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.fail("the program 'mosquitto' is missing: install Debian's package of that name (make test does)")
    return found


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running_mosquitto(folder: Path) -> Iterator[int]:
    """A running broker; gives its port."""
    port = free_port()
    # By default it drops what a client has not taken after 1,000 messages, without a word to either side.
    text = (
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\nmax_queued_messages 0\n"
        "log_dest stderr\nlog_type information\nlog_type error\nconnection_messages false\nset_tcp_nodelay true\n"
    )
    with mosquitto_from(folder, text):
        yield port


@contextmanager
def mosquitto_from(folder: Path, text: str) -> Iterator[None]:
    """A broker that runs with this configuration, which logs to standard error."""
    config = folder / "mosquitto.conf"
    config.write_text(text)
    process = subprocess.Popen([mosquitto_path(), "-c", str(config)], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = list[str]()
        while not (said and "running" in said[-1]):
            said.append(process.stderr.readline())
            if not said[-1]:
                pytest.fail(f"mosquitto does not start: {''.join(said)}")
        yield
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def shipped_config(folder: Path, port: int, *, passwords: Path) -> str:
    """The configuration that we ship, its container paths turned into those of this machine."""
    text = (SHIPPED / "mosquitto.conf").read_text(encoding="utf-8")
    for shipped, here in (
        ("/run/secrets/mosquitto_passwords", str(passwords)),
        ("/mosquitto/config/acl", str(SHIPPED / "acl")),
        ("\nlistener 1883\n", f"\nlistener {port} 127.0.0.1\nuser root\n"),
        ("/mosquitto/data/", f"{folder}/"),
        # It says that it runs on the level of information.
        ("log_dest stdout", "log_dest stderr\nlog_type information"),
        ("connection_messages true", "connection_messages false"),
    ):
        assert text.count(shipped) == 1, f"{shipped!r} is expected once in mosquitto.conf"
        text = text.replace(shipped, here)
    return text
