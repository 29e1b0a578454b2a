from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from simulator.files import ScenarioFileError
from simulator.harness.assembly import EVENT_ID
from simulator.harness.people_process import People, PeopleFile, load_people_file, play_people
from simulator.scenario import Answer, draw_answers
from tests.e2e.field import MINUTE, SEED, cancelled, quick
from tests.e2e.virtual_district import District, running_district
from vpp.api.app import create_app
from vpp.api.door import DoorFacts
from vpp.api.routes import api_routers
from vpp.bootstrap import Controller
from vpp.bootstrap.doors import Doorway, door_of
from vpp.domain.access import Principal, Role
from vpp.infra.clock import SystemClock
from vpp.infra.memory.access import MemoryAccountStore
from vpp.infra.passwords import Argon2Hasher
from vpp.infra.prometheus import PrometheusMetrics
from vpp.infra.virtual_time import run_virtual
from vpp.infra.workers import InlineWorkers
from vpp.services.accounts import Accounts

BASE = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Scene:
    """What came of an evening of answers.

    Attributes:
        given: Answers given at each look.
        accepted: By participant, as the controller has it.
        speakers: Who gave them on the participants' behalf.
    """

    given: list[int]
    accepted: Mapping[str, bool]
    speakers: set[str]


def answers() -> dict[str, Answer]:
    """The scenario's draw, every fifth participant made to decline."""
    drawn = sorted(draw_answers(quick(), SEED).items())
    return {
        name: Answer(number % 5 != 0, drawn_answer.delay_minutes) for number, (name, drawn_answer) in enumerate(drawn)
    }


async def until_invited(district: District) -> Controller:
    """A controller that has just invited; nobody has answered, and nobody of the harness will."""
    life = await district.start_controller()
    while life.record is None or life.record.invitation is None:
        assert await district.run_until(district.clock.now() + MINUTE)
    await cancelled([life.tasks.pop()])
    return life.controller


async def play(folder: Path) -> Scene:
    async with running_district(folder) as district:
        controller = await until_invited(district)
        accounts = Accounts(
            MemoryAccountStore(),
            Argon2Hasher(time_cost=1, memory_cost_kib=64),
            workers=InlineWorkers(),
            wall=SystemClock(),
            participant_known=lambda p: p in controller.registry.fleet.participants,
        )
        door = door_of(controller, Doorway(accounts, PrometheusMetrics(), DoorFacts(BASE, metrics_open=True)))
        key = await accounts.create_api_key("people", Role.OPERATOR, by=Principal("setup", Role.ADMIN))
        transport = httpx.ASGITransport(create_app(door, api_routers()))
        given = []
        async with httpx.AsyncClient(transport=transport, base_url=BASE, headers={"X-API-Key": key.secret}) as client:
            people = People(client, answers(), district.clock.now)
            for _ in range(14):
                given.append(await people.look())
                assert await district.run_until(district.clock.now() + MINUTE)
            shown = (await client.get("/api/v1/invitations", params={"limit": 200})).json()["items"]
        speakers = {line["reply"]["by"] for line in shown if line["reply"]["answer"] != "none"}
        record = controller.recorder.book.event(EVENT_ID)
        assert record.invitation is not None
        assert district.clock.now() >= record.invitation.at + timedelta(minutes=13)
        return Scene(given, dict(record.answers), speakers)


def test_look__every_participant_answers_once_as_drawn_and_after_its_own_time(tmp_path: Path) -> None:
    scene = run_virtual(play(tmp_path), quick().window.start)

    assert len(scene.accepted) > 20
    assert sum(scene.given) == len(scene.accepted)
    assert scene.accepted == {name: answers()[name].accepts for name in scene.accepted}
    assert not all(scene.accepted.values())
    assert sum(1 for given in scene.given if given) > 3
    assert len(scene.speakers) == 1
    assert scene.speakers != {""}


def people_file(folder: Path, **changes: object) -> PeopleFile:
    scenario = quick().path
    lines = {"url": "http://127.0.0.1:9", "api_key_file": "people.key", "scenario": str(scenario), "seed": 1, **changes}
    path = folder / "people.yaml"
    path.write_text("\n".join(f"{key}: {value}" for key, value in lines.items()), encoding="utf-8")
    return load_people_file(path)


@pytest.mark.parametrize(("content", "said"), [(None, r"the API key cannot be read"), ("\n", r"expected an API key")])
async def test_play_people__without_a_key_is_refused_by_the_file_s_name(
    tmp_path: Path, content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "people.key").write_text(content, encoding="utf-8")

    with pytest.raises(ScenarioFileError, match=rf"people\.key: {said}"):
        await play_people(people_file(tmp_path))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "http://127.0.0.1:8000/api"}, r"people\.yaml: url: String should match pattern"),
        ({"look_every_s": 0}, r"people\.yaml: look_every_s: Input should be greater than 0 \(found 0\)"),
        ({"password": "x"}, r"people\.yaml: password: Extra inputs are not permitted"),
    ],
)
def test_load_people_file__what_is_wrong_is_named(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ScenarioFileError, match=said):
        people_file(tmp_path, **changes)
