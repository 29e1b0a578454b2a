"""The participants of a simulated district as a process: they read their invitations by the API and answer them.

``vpp-sim people --config people.yaml``. Each answers once, by the scenario's draw and after its own time, through an
operator's API key; the service records on whose behalf.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import httpx
from pydantic import Field

from simulator.clock import ClockFile, PlantClock, strict_instant
from simulator.files import FileModel, ScenarioFileError, read_model
from simulator.scenario import Answer, draw_answers, load_scenario

T = TypeVar("T")
_log = logging.getLogger(__name__)
PAGE = 200
AT_ONCE = 8
TIMEOUT_S = 20.0


class PeopleFile(FileModel):
    """What the process is told; paths count from the file's own folder.

    Attributes:
        url: Of the service, without a path.
        api_key_file: First line is an operator's key.
        scenario, seed: Who accepts, and after how long.
        clock: Scaled time; the machine's own without it.
        look_every_s: Pause between two looks, in the machine's seconds.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^/]+$")]
    api_key_file: Path
    scenario: Path
    seed: Annotated[int, Field(ge=0)]
    clock: ClockFile | None = None
    look_every_s: Annotated[float, Field(gt=0, le=600)] = 2.0


def load_people_file(path: Path) -> PeopleFile:
    """The file at ``path``, its paths made absolute.

    Raises:
        ScenarioFileError: unreadable or wrong; names file and key.
    """
    told = read_model(path, PeopleFile)
    base = path.resolve().parent
    return told.model_copy(update={key: base / getattr(told, key) for key in ("scenario", "api_key_file")})


class People:
    """All participants, seen from the service's invitations."""

    def __init__(self, client: httpx.AsyncClient, answers: Mapping[str, Answer], now: Callable[[], datetime]) -> None:
        """``client`` has the service's address and the key; ``now`` tells the district's time."""
        self._client = client
        self._answers = answers
        self._now = now

    async def look(self) -> int:
        """Gives every answer that is due; returns how many were given.

        Raises:
            httpx.HTTPError: the service cannot be reached, or does not answer as it should.
        """
        due: list[tuple[Mapping[str, Any], Answer]] = []
        async for line in self._open_invitations():
            answer = self._answers.get(line["participant_id"])
            if answer is not None and line["reply"]["answer"] == "none" and self._due(line, answer):
                due.append((line, answer))
        return sum([await self._give_together(batch) for batch in batched(due, AT_ONCE)])

    async def _give_together(self, batch: Sequence[tuple[Mapping[str, Any], Answer]]) -> int:
        try:
            async with asyncio.TaskGroup() as group:
                given = [
                    group.create_task(self._give(line, answer), name=line["participant_id"]) for line, answer in batch
                ]
        except* httpx.HTTPError as failures:
            raise failures.exceptions[0] from failures
        return sum(task.result() for task in given)

    def _due(self, line: Mapping[str, Any], answer: Answer) -> bool:
        invited_at: datetime = strict_instant(line["invited_at"])
        return self._now() >= answer.at(invited_at, strict_instant(line["reply_by"]))

    async def _give(self, line: Mapping[str, Any], answer: Answer) -> int:
        event_id, participant_id = line["event_id"], line["participant_id"]
        word = "accept" if answer.accepts else "decline"
        response = await self._client.post(f"/api/v1/events/{event_id}/{word}", json={"participant_id": participant_id})
        if response.status_code == httpx.codes.CONFLICT:
            _log.info("%s was too late for event %s", participant_id, event_id)
            return 0
        response.raise_for_status()
        return 1

    async def _open_invitations(self) -> AsyncIterator[Mapping[str, Any]]:
        cursor: str | None = None
        while True:
            query: dict[str, str | int] = {"open": "true", "limit": PAGE}
            if cursor is not None:
                query["cursor"] = cursor
            response = await self._client.get("/api/v1/invitations", params=query)
            response.raise_for_status()
            page = response.json()
            for line in page["items"]:
                yield line
            cursor = page["next_cursor"]
            if cursor is None:
                return


async def play_people(told: PeopleFile) -> None:
    """Looks and answers until cancelled; a service that cannot be reached is tried again.

    Raises:
        ScenarioFileError: scenario or key file are wrong.
    """
    answers = draw_answers(load_scenario(told.scenario), told.seed)
    headers = {"X-API-Key": _key(told.api_key_file)}
    async with httpx.AsyncClient(base_url=told.url, headers=headers, timeout=TIMEOUT_S) as client:
        people = People(client, answers, PlantClock(told.clock).now)
        while True:
            try:
                given = await people.look()
            except httpx.HTTPError as error:
                _log.warning("the service did not take the answers: %s", str(error) or type(error).__name__)
            else:
                if given:
                    _log.info("%d answers were given", given)
            await asyncio.sleep(told.look_every_s)


async def play_until_signalled(told: PeopleFile) -> None:
    """``play_people`` until SIGTERM or SIGINT; raises what it raises."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    stopped = asyncio.Event()

    def stop() -> None:
        stopped.set()
        if task is not None:
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await play_people(told)
    except asyncio.CancelledError:
        if not stopped.is_set():
            raise


def _key(path: Path) -> str:
    try:
        key = path.read_text("utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioFileError(str(path), "", f"the API key cannot be read ({error})") from error
    if not key:
        raise ScenarioFileError(str(path), "", "expected an API key in the first line, found nothing")
    return key


def batched(lines: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Up to ``size`` lines at a time."""
    for first in range(0, len(lines), size):
        yield lines[first : first + size]
