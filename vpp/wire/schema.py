"""JSON Schemas of the messages, as published in ``configs/wire/v1``.

``python -m vpp.wire.schema configs/wire/v1`` writes them; a test fails when the files lag behind the messages.
"""

import json
import sys
from pathlib import Path

import msgspec

from vpp.wire.codec import MESSAGE_TYPES
from vpp.wire.topics import PREFIX, MessageType

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(message_type: MessageType) -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of one message type."""
    struct = MESSAGE_TYPES[message_type]
    _, components = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    return {
        "$schema": DIALECT,
        "title": f"{PREFIX}/{{gateway_id}}/{message_type.value}",
        "$ref": f"#/$defs/{struct.__name__}",
        "$defs": components,
    }


def render(message_type: MessageType) -> str:
    """The schema file's text, keys in a fixed order."""
    return json.dumps(schema_of(message_type), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def file_name(message_type: MessageType) -> str:
    """Name of the schema file within its folder."""
    return f"{message_type.value}.schema.json"


def write_schemas(folder: Path) -> None:
    """Writes one file per message type into ``folder``, which must exist."""
    for message_type in MESSAGE_TYPES:
        (folder / file_name(message_type)).write_text(render(message_type), encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
