"""The AsyncAPI document is that of the code, valid for the official parser, and describes what a run really sends."""

import asyncio
import json
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.e2e.field import quick
from tests.e2e.virtual_district import running_district
from vpp.domain.commands import AckState
from vpp.infra.virtual_time import run_virtual
from vpp.wire.asyncapi import FILE_NAME, ack_stages, document, render, write_document
from vpp.wire.codec import MESSAGE_TYPES, decode, encode
from vpp.wire.examples import GATEWAY, as_json, example_messages
from vpp.wire.topics import FROM_GATEWAY, RETAINED, MessageType, parse_topic, topic_of

ROOT = Path(__file__).parents[3]
PARSER = "@asyncapi/parser@3.6.3"
SEVERE = 1
"""Errors are 0, warnings 1; below are pieces of information, such as that a newer specification exists."""

Document = dict[str, Any]


@pytest.fixture(scope="module")
def published() -> Document:
    content: Document = yaml.safe_load((ROOT / "docs" / FILE_NAME).read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def validator_of(published: Document) -> Callable[[MessageType], jsonschema.Draft202012Validator]:
    """A validator for what the published document says about a type's payload."""

    def make(message_type: MessageType) -> jsonschema.Draft202012Validator:
        payload = published["components"]["messages"][message_type.value]["payload"]
        schema = {**payload, "components": published["components"]}
        return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)

    return make


def test_render__published_document_has_not_drifted() -> None:
    assert (ROOT / "docs" / FILE_NAME).read_text(encoding="utf-8") == render(), "run: make schemas"


def test_write_document__writes_the_one_file(tmp_path: Path) -> None:
    write_document(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_document__names_no_place() -> None:
    """Brokers are the reader's own; the one host is of the names reserved for examples."""
    text = render()
    assert "://" not in text
    assert set(re.findall(r"[\w.-]+\.(?:org|com|net|cn|io)\b", text)) == {"broker.example.org"}


def test_document__every_type_has_a_channel_and_both_sides(published: Document) -> None:
    for message_type in MessageType:
        channel = published["channels"][message_type.value]
        assert channel["address"] == f"vpp/v1/{{gateway_id}}/{message_type.value}"
        sides = ("gateway", "controller") if message_type in FROM_GATEWAY else ("controller", "gateway")
        noun = message_type.value.capitalize()
        sends, receives = (
            published["operations"][f"{sides[0]}Sends{noun}"],
            published["operations"][f"{sides[1]}Receives{noun}"],
        )
        assert (sends["action"], receives["action"]) == ("send", "receive")
        assert sends["bindings"]["mqtt"]["qos"] == receives["bindings"]["mqtt"]["qos"] == 1
        assert sends["bindings"]["mqtt"]["retain"] is (message_type in RETAINED)


def test_ack_stages__every_stage_is_in_words_and_in_the_document(published: Document) -> None:
    for state in AckState:
        assert f"- `{state}`: " in ack_stages()
        assert f"`{state}`: " in published["channels"]["ack"]["description"]


@pytest.mark.parametrize("message_type", list(MessageType))
def test_example_messages__are_read_back_by_the_codec_and_fit_the_document(
    message_type: MessageType, validator_of: Callable[[MessageType], jsonschema.Draft202012Validator]
) -> None:
    examples = example_messages()[message_type]
    names = [name for name, _ in examples]
    assert names
    assert len(set(names)) == len(names)
    for _, message in examples:
        assert isinstance(message, MESSAGE_TYPES[message_type])
        assert decode(topic_of(GATEWAY, message_type), encode(message)) == message
        validator_of(message_type).validate(as_json(message))


def test_document__refuses_what_the_codec_refuses(
    validator_of: Callable[[MessageType], jsonschema.Draft202012Validator],
) -> None:
    ((_, message),) = example_messages()[MessageType.COMMAND]
    payload: Any = as_json(message)
    payload["commands"][0]["mode"] = "as_you_like"
    assert not validator_of(MessageType.COMMAND).is_valid(payload)


@pytest.mark.slow
def test_document__describes_every_message_of_a_run(
    tmp_path: Path, validator_of: Callable[[MessageType], jsonschema.Draft202012Validator]
) -> None:
    """All that goes over the bus in the quick scenario, from the first start to the settlement."""
    validators = {message_type: validator_of(message_type) for message_type in MessageType}
    seen = Counter[MessageType]()
    wrong: list[str] = []

    async def main() -> None:
        async with (
            running_district(tmp_path) as district,
            district.broker.connect("ear", subscriptions=["vpp/v1/#"]) as ear,
        ):
            recorded: list[tuple[str, bytes]] = []

            async def listen() -> None:
                async for message in ear.messages():
                    recorded.append((message.topic, message.payload))  # noqa: PERF401 - it never ends by itself

            async with asyncio.TaskGroup() as group:
                listening = group.create_task(listen(), name="ear")
                await district.start_controller()
                await district.run_until_settled()
                listening.cancel()
            for topic, payload in recorded:
                message_type = parse_topic(topic).type
                seen[message_type] += 1
                errors = validators[message_type].iter_errors(json.loads(payload))
                wrong.extend(f"{topic}: {error.json_path}: {error.message}" for error in errors)

    run_virtual(main(), quick().window.start)

    assert wrong == []
    # Nothing is lost in this run, so nobody asks for a gap and nobody replies.
    assert set(seen) == set(MessageType) - {MessageType.REPLY}
    assert seen[MessageType.TELEMETRY] > 100


@pytest.fixture(scope="module")
def parse() -> Callable[[str], Document]:
    """The official parser, installed into ``build/`` when it is not there yet."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.fail("the programs 'node' and 'npm' are missing: install Debian's nodejs and npm (make test does)")
    folder = ROOT / "build" / "asyncapi" / PARSER.rpartition("@")[2]
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Made beside its place and moved there whole: several workers may be at it at once.
        made = Path(tempfile.mkdtemp(dir=folder.parent))
        quiet = ("--no-package-lock", "--no-save", "--no-audit", "--no-fund", "--silent", "--ignore-scripts")
        installed = subprocess.run(
            [npm, "install", *quiet, "--prefix", str(made), PARSER], capture_output=True, text=True, check=False
        )
        assert installed.returncode == 0, f"npm cannot install {PARSER}: {installed.stdout}{installed.stderr}"
        try:
            made.rename(folder)
        except OSError:
            shutil.rmtree(made)
    script = Path(__file__).with_name("asyncapi_parser.mjs")

    def run(text: str) -> Document:
        said = subprocess.run([node, str(script), str(folder)], input=text, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
        result: Document = json.loads(said.stdout)
        return result

    return run


@pytest.mark.slow
def test_document__official_parser_finds_no_fault(parse: Callable[[str], Document]) -> None:
    said = parse((ROOT / "docs" / FILE_NAME).read_text(encoding="utf-8"))

    assert said["valid"]
    assert [found for found in said["diagnostics"] if found["severity"] <= SEVERE] == []
    assert {found["code"] for found in said["diagnostics"]} <= {"asyncapi-latest-version"}
    assert len(said["operations"]) == 2 * len(MessageType)


@pytest.mark.slow
def test_document__official_parser_would_find_a_fault(parse: Callable[[str], Document]) -> None:
    """Else its silence above would mean nothing. (It does not look at examples; the test of the examples does.)"""
    changed: Any = document()
    changed["operations"]["gatewaySendsAck"]["action"] = "shout"

    said = parse(yaml.safe_dump(json.loads(json.dumps(changed))))

    assert not said["valid"]
    assert "operations/gatewaySendsAck/action" in {found["path"] for found in said["diagnostics"]}
