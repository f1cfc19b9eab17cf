"""Our transcription says what the published specification and the recordings say.

Not collected by itself, as it needs those: ``AZURE_MATERIAL=FOLDER pytest
tests/azure_facts/compare.py``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.azure_api.versions import FLAT

from . import Call, Facts, facts, recording, specification

#: What each run has its own of, as it stands in our form.
OWN = {"id": "", "executionTimeInMilliseconds": 0, "lastModifiedTime": "", "lastModifiedAt": ""}
MATERIAL = Path(os.environ["AZURE_MATERIAL"])
HEADERS = ("content-type", "server", "x-powered-by")
CUSTOM = "custom-container"


def material(name: str) -> Any:
    return json.loads((MATERIAL / name).read_text())


@pytest.mark.parametrize("version", FLAT)
def test_the_specification_is_as_published(version: str) -> None:
    published = material(f"openapi/{version}/DynamicSessions.json")
    ours = specification(version)
    calls = {
        f"{method.upper()} {path}": {
            status: _kind(published, answer.get("schema"))
            for status, answer in operation["responses"].items()
            if status != "default"
        }
        for path, operations in published["paths"].items()
        for method, operation in operations.items()
    }
    shapes = {_name(name): _fields(published, of) for name, of in published["definitions"].items()}
    assert ours.calls == calls
    assert ours.shapes == {name: shapes[name] for name in ours.shapes}


def _fields(published: Facts, definition: Facts) -> Facts:
    required = definition.get("required", ())
    return {
        name if name in required else f"{name}?": _kind(published, schema)
        for name, schema in definition.get("properties", {}).items()
    }


def _kind(published: Facts, schema: Facts | None) -> str:
    if schema is None:
        return ""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        meant = published["definitions"][name]
        return _name(name) if meant["type"] == "object" else _kind(published, meant)
    if "enum" in schema:
        return "|".join(schema["enum"])
    if schema.get("type") == "array":
        return f"[{_kind(published, schema['items'])}]"
    return {None: "anything", "file": "bytes"}.get(schema.get("type"), str(schema.get("type")))


def _name(name: str) -> str:
    return name.rpartition(".")[2]


@pytest.mark.parametrize(
    ("ours", "original"),
    [
        *((name, name) for name in facts("recordings") if name.startswith("code-")),
        (CUSTOM, "custom-container-data-plane"),
    ],
)
def test_the_recordings_are_as_recorded(ours: str, original: str) -> None:
    exchanges = material(f"recordings/{original}.json")["exchanges"]
    for call, exchange in zip(recording(ours).calls, exchanges, strict=True):
        asked, answered = exchange["request"], exchange["response"]
        path = asked["path"].partition("/sessionPools/")[2].partition("/")[2]
        assert (call.method, call.path) == (asked["method"], f"/{path}" if path else asked["path"])
        assert call.query == asked["query"]
        assert asked["host"] == recording(ours).host
        _sends_the_same(call, asked.get("body", {}))
        _is_answered_the_same(call, answered)


def _sends_the_same(call: Call, body: Facts) -> None:
    assert call.json == body.get("json")
    if "multipart" in body:
        assert list(call.file) == list(body["multipart"]["file"].values())
    elif "text" in body:
        name, content = call.file
        assert f'; name="file"; filename="{name}"\r\n\r\n{content}\r\n' in body["text"]
    else:
        assert not call.file


def _is_answered_the_same(call: Call, answered: Facts) -> None:
    assert call.status == answered["status"]
    assert call.reason in ("", answered.get("reason"))
    for name in HEADERS:
        if name in answered["headers"]:
            assert call.headers.get(name) == answered["headers"][name]
    times = {name for name in answered["headers"] if name.startswith("x-ms-")}
    assert set(call.times) == times - {"x-ms-session-guid"}
    body = answered["body"]
    recorded = body["text"] if "text" in body else _without_own(body["json"])
    assert json.dumps(call.answer) == json.dumps(recorded)  # the order of keys counts


def _without_own(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: OWN[k] if k in OWN else _without_own(v) for k, v in value.items()}
    return [_without_own(item) for item in value] if isinstance(value, list) else value


def test_the_resource_is_as_recorded() -> None:
    name = "recordings/arm-custom-container-2025-02-02-preview.json"
    recorded = material(name)["exchanges"][1]["response"]["body"]["json"]
    _is_part_of(facts("arm_pool")["resource"], recorded)


def _is_part_of(ours: Any, recorded: Any) -> None:
    if isinstance(ours, dict):
        for name, value in ours.items():
            _is_part_of(value, recorded[name])
    elif isinstance(ours, list):
        for value, theirs in zip(ours, recorded, strict=True):
            _is_part_of(value, theirs)
    else:
        assert ours == recorded
