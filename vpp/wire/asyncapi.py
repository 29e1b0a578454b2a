"""The AsyncAPI 3.0 document of the MQTT contract, as published in ``docs/asyncapi.yaml``.

``python -m vpp.wire.asyncapi docs`` writes it from the messages, the topics and the ack stages; ``make check`` fails
when the file lags behind. The document names no broker: whoever reads it fills in host and port.
"""

import inspect
import re
import sys
from pathlib import Path
from typing import TypeAlias

import msgspec
import yaml

from vpp.domain.commands import ACK_TRANSITIONS, AckState
from vpp.wire.codec import MAX_PAYLOAD_BYTES, MESSAGE_TYPES
from vpp.wire.examples import GATEWAY, as_json, example_messages
from vpp.wire.topics import FROM_GATEWAY, PREFIX, RETAINED, MessageType

Node: TypeAlias = dict[str, object]

FILE_NAME = "asyncapi.yaml"
WIRE_VERSION = "1.0.0"
QOS = 1
_BINDING = "0.2.0"
_SCHEMAS = "#/components/schemas/{name}"
_INFO = f"""\
What the controller of a virtual power plant and its gateways say to each other over MQTT. Nothing needs MQTT 5: ids,
validity and sequence stand inside the payload. The document describes both sides: operations whose name begins with
`gateway` are the gateway's, those with `controller` the controller's.

- One message carries all resources of a gateway. QoS {QOS} throughout, clean sessions.
- Power in kW, energy in kWh, registers in whole Wh; power into the resource is positive.
- Instants are ISO 8601 text with an offset. A time without one, a number in its place, NaN or text as
  a number is refused.
- Fields that a reader does not know are ignored; fields that it knows are read strictly.
- `gateway_id` in the payload is the one in the topic and the MQTT client id. A payload has at most
  {MAX_PAYLOAD_BYTES} bytes.

Rules beyond the shapes are in wire-protocol.md beside this file.
"""
_SAYS = {
    MessageType.BIRTH: "Who the gateway is: resources, software, where its sequences go on. Sent on every new link.",
    MessageType.STATUS: "Whether the gateway is there. Also its last will, with `online: false` and no `at`.",
    MessageType.TELEMETRY: "One minute of all resources: mean power, register at its end, quality. Kept on the"
    " gateway's disk until a notice says `through_seq`; sent again, oldest first, on every new link.",
    MessageType.CAPABILITY: "Per resource the power expected without a command, and how it could deviate from it. The"
    " latest offer of a resource counts.",
    MessageType.ACK: "How far commands have come. Kept on the gateway's disk until a notice says `ack_through_seq`.",
    MessageType.REPLY: "Answer to a gap request in a notice. What was asked for comes again on its own topic.",
    MessageType.COMMAND: "What resources should do for the rest of the schedule, not what to change. Per resource"
    " (`epoch`, `sequence`) decides which of two commands is newer. Never retained: a retained one is ignored.",
    MessageType.NOTICE: "What is committed and may be forgotten, requests for gaps, the controller's epoch and, in a"
    " demonstration, scaled time.",
}
_STAGES = {
    AckState.RECEIVED: "the gateway has the command on its disk; nothing is decided",
    AckState.ACCEPTED: "it may be carried out: known resource, within its rating, not expired, no local control",
    AckState.AWAITING_PERSON: "somebody on site is asked; `deadline` says until when",
    AckState.APPLIED: "the devices have read back the setpoint; `reason` tells of devices out of reach",
    AckState.REFUSED: "it will not be carried out; `reason` says why. Nothing follows",
    AckState.EXPIRED: "its time is over: released, or never applied. Nothing follows",
}


def document() -> Node:
    """The whole document, keys in the order in which people read them."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Virtual power plant: controller and gateways",
            "version": WIRE_VERSION,
            "description": _INFO,
            "license": {"name": "Apache-2.0"},
            "tags": [
                {"name": "gateway", "description": "What a gateway does."},
                {"name": "controller", "description": "What the controller does."},
            ],
        },
        "defaultContentType": "application/json",
        "servers": {
            "plain": _server("mqtt", "1883", "Without TLS; within one machine or a closed network only."),
            "secure": _server("mqtts", "8883", "With TLS."),
        },
        "channels": {message_type.value: _channel(message_type) for message_type in MessageType},
        "operations": {name: node for message_type in MessageType for name, node in _operations(message_type)},
        "components": _components(),
    }


def render() -> str:
    """The file's text."""
    body = yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=120)
    return f"# Written by python -m vpp.wire.asyncapi docs; make schemas writes it anew.\n{body}"


def write_document(folder: Path) -> None:
    """Writes the document into ``folder``, which must exist."""
    (folder / FILE_NAME).write_text(render(), encoding="utf-8")


def ack_stages() -> str:
    """The stages in words, with what may follow each, as a Markdown list."""
    lines = []
    for state in AckState:
        following = " | ".join(f"`{after}`" for after in AckState if after in ACK_TRANSITIONS[state])
        lines.append(f"- `{state}`: {_STAGES[state]}." + (f" Then {following}." if following else ""))
    return "\n".join(lines)


def _server(protocol: str, port: str, says: str) -> Node:
    return {
        "host": "{host}:{port}",
        "protocol": protocol,
        "protocolVersion": "3.1.1",
        "description": f"{says} MQTT 5 brokers serve as well.",
        "variables": {
            "host": {"description": "Name or address of your broker.", "examples": ["broker.example.org"]},
            "port": {"description": "Its port.", "default": port},
        },
        "security": [{"$ref": "#/components/securitySchemes/login"}],
        "bindings": {
            "mqtt": {
                "clientId": GATEWAY,
                "cleanSession": True,
                "keepAlive": 15,
                "lastWill": {
                    "topic": f"{PREFIX}/{GATEWAY}/{MessageType.STATUS.value}",
                    "qos": QOS,
                    "retain": True,
                    "message": f'{{"gateway_id":"{GATEWAY}","online":false,"boot":4}}',
                },
                "bindingVersion": _BINDING,
            }
        },
    }


def _channel(message_type: MessageType) -> Node:
    description = _SAYS[message_type]
    if message_type is MessageType.ACK:
        description += f"\n\nStages of one command:\n\n{ack_stages()}\n"
    return {
        "address": f"{PREFIX}/{{gateway_id}}/{message_type.value}",
        "title": message_type.value.capitalize(),
        "description": description,
        "parameters": {"gateway_id": {"$ref": "#/components/parameters/gateway_id"}},
        "messages": {message_type.value: {"$ref": f"#/components/messages/{message_type.value}"}},
    }


def _operations(message_type: MessageType) -> list[tuple[str, Node]]:
    """What the sender and the receiver of this type do."""
    sender, receiver = ("gateway", "controller") if message_type in FROM_GATEWAY else ("controller", "gateway")
    noun = message_type.value.capitalize()
    publishing = {"qos": QOS, "retain": message_type in RETAINED, "bindingVersion": _BINDING}
    sends = _operation(message_type, "send", sender, publishing)
    if message_type is MessageType.COMMAND:
        sends["reply"] = _reply(MessageType.ACK)
    if message_type is MessageType.NOTICE:
        sends["reply"] = _reply(MessageType.REPLY)
    receives = _operation(message_type, "receive", receiver, {"qos": QOS, "bindingVersion": _BINDING})
    return [(f"{sender}Sends{noun}", sends), (f"{receiver}Receives{noun}", receives)]


def _operation(message_type: MessageType, action: str, side: str, binding: Node) -> Node:
    channel = f"#/channels/{message_type.value}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": f"The {side} {action}s {message_type.value}.",
        "tags": [{"name": side}],
        "bindings": {"mqtt": binding},
        "messages": [{"$ref": f"{channel}/messages/{message_type.value}"}],
    }


def _reply(message_type: MessageType) -> Node:
    channel = f"#/channels/{message_type.value}"
    return {"channel": {"$ref": channel}, "messages": [{"$ref": f"{channel}/messages/{message_type.value}"}]}


def _components() -> Node:
    _, schemas = msgspec.json.schema_components(MESSAGE_TYPES.values(), ref_template=_SCHEMAS)
    return {
        "parameters": {
            "gateway_id": {
                "description": "1 to 64 letters, digits, '_', '.', ':' or '-', beginning with a letter or digit; the"
                " gateway's MQTT client id.",
                "examples": [GATEWAY],
                "location": "$message.payload#/gateway_id",
            }
        },
        "securitySchemes": {
            "login": {"type": "userPassword", "description": "A login per gateway, and one for the controller."}
        },
        "messages": {message_type.value: _message(message_type) for message_type in MessageType},
        "schemas": {name: _adapted(schemas[name]) for name in sorted(schemas)},
    }


def _message(message_type: MessageType) -> Node:
    struct = MESSAGE_TYPES[message_type]
    return {
        "name": message_type.value,
        "title": struct.__name__,
        "summary": _SAYS[message_type].split(". ")[0].removesuffix(".") + ".",
        "contentType": "application/json",
        "payload": {"$ref": _SCHEMAS.format(name=struct.__name__)},
        "examples": [{"name": name, "payload": as_json(message)} for name, message in example_messages()[message_type]],
    }


def _adapted(schema: object) -> object:
    """``schema`` as AsyncAPI reads it.

    Its ``discriminator`` is the bare name of a property, and then every member must carry the name of its schema as
    value; ours carry a word of the contract. Each member fixes that word by itself, so that nothing is lost without it.
    """
    if isinstance(schema, list):
        return [_adapted(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: _adapted(value) for name, value in schema.items() if name != "discriminator"}
    if isinstance(text := kept.get("description"), str):
        # Docstrings carry reStructuredText's double backquotes.
        kept["description"] = re.sub(r"``(.+?)``", r"`\1`", inspect.cleandoc(text))
    return kept


if __name__ == "__main__":
    write_document(Path(sys.argv[1]))
