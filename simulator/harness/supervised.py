"""Processes kept running by supervisord: each restarts on its own, all end together.

One folder holds everything: ``supervisord.conf``, a log per program in ``logs/`` and the socket that ``supervisorctl``
speaks to. supervisord is used as the program it is, by configuration; nothing of it is imported.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from configparser import RawConfigParser
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from vpp.domain.errors import OutsideError

STOP_WITHIN_S = 10
LOG_BYTES = 5_000_000
LOGS_KEPT = 2
RETRIES = 1_000_000
POLL_S = 0.1
CONFIG = "supervisord.conf"
PR_SET_PDEATHSIG = 1


class SupervisorError(OutsideError):
    """supervisord could not be started, or has ended."""


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep running.

    Attributes:
        argv: Absolute program and its arguments.
        order: Lower starts earlier and stops later.
    """

    name: str
    argv: tuple[str, ...]
    order: int


@dataclass(frozen=True, slots=True)
class Supervised:
    """A running supervisord.

    Attributes:
        config: What ``supervisorctl -c`` is given.
    """

    config: Path
    process: asyncio.subprocess.Process

    def check(self) -> None:
        """Nothing, or ``SupervisorError`` when supervisord has ended."""
        if self.process.returncode is not None:
            raise SupervisorError(f"supervisord has ended with {self.process.returncode}; its logs: {log_folder(self)}")


def log_folder(supervised: Supervised) -> Path:
    """Where every program's log lies."""
    return supervised.config.parent / "logs"


@asynccontextmanager
async def supervise(folder: Path, programs: Sequence[Program]) -> AsyncIterator[Supervised]:
    """Keeps ``programs`` running inside the block; none is left afterwards.

    Raises:
        SupervisorError: supervisord does not start.
    """
    # A socket's path may have 107 characters at most, whatever the folder's is.
    with TemporaryDirectory(prefix="vpp-") as sockets:
        config = write_config(folder, programs, Path(sockets) / "supervisor.sock")
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("supervisord")),
            "--configuration",
            str(config),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C at the terminal reaches us; we end the others in their order.
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        supervised = Supervised(config, process)
        try:
            await _until_answering(supervised)
            yield supervised
        finally:
            await _stop(process)


def write_config(folder: Path, programs: Sequence[Program], socket: Path) -> Path:
    """Writes ``supervisord.conf`` and returns its path."""
    folder = folder.resolve()
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    parser = RawConfigParser()
    parser["unix_http_server"] = {"file": str(socket), "chmod": "0700"}
    parser["supervisord"] = {
        "nodaemon": "true",
        "silent": "true",
        "logfile": str(logs / "supervisord.log"),
        "logfile_maxbytes": str(LOG_BYTES),
        "pidfile": str(folder / "supervisord.pid"),
        "childlogdir": str(logs),
    }
    parser["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    parser["supervisorctl"] = {"serverurl": f"unix://{socket}"}
    for program in programs:
        parser[f"program:{program.name}"] = _section(program, logs)
    path = folder / CONFIG
    with path.open("w") as file:
        parser.write(file)
    return path


def _section(program: Program, logs: Path) -> dict[str, str]:
    return {
        "command": " ".join(_quoted(word) for word in program.argv),
        "priority": str(program.order),
        "autorestart": "true",
        "startsecs": "1",
        "startretries": str(RETRIES),
        "stopsignal": "TERM",
        "stopwaitsecs": str(STOP_WITHIN_S),
        "stopasgroup": "false",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": str(logs / f"{program.name}.log"),
        "stdout_logfile_maxbytes": str(LOG_BYTES),
        "stdout_logfile_backups": str(LOGS_KEPT),
    }


def _quoted(word: str) -> str:
    """For supervisord's own reading of a command line, where ``%`` begins an expression."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _end_with_parent() -> None:
    """Asks Linux to send SIGTERM to this process when its parent ends, by SIGKILL too."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def require_unused(folder: Path) -> None:
    """Nothing, or ``SupervisorError`` when a supervisor runs its programs from this folder."""
    pid_file = folder / "supervisord.pid"
    try:
        pid = int(pid_file.read_text("utf-8"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return
    if str(folder.resolve() / CONFIG).encode() in command:
        raise SupervisorError(f"{folder}: a demonstration runs here (supervisord, process {pid}); name another folder")


async def _until_answering(supervised: Supervised) -> None:
    pid_file = supervised.config.parent / "supervisord.pid"
    try:
        async with asyncio.timeout(STOP_WITHIN_S):
            while not (pid_file.exists() and pid_file.read_text().strip() == str(supervised.process.pid)):
                supervised.check()
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise SupervisorError(f"supervisord does not start within {STOP_WITHIN_S} s") from error


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(3 * STOP_WITHIN_S):
            await process.wait()
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
