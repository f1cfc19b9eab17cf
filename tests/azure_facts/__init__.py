"""What is known of Azure's answers: facts of its published specification and of recordings.

Transcribed in a form of our own, so that the tests need nothing beside this repository; each file
names its source. ``compare.py`` holds them against the originals, where those are at hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped,unused-ignore]

_HERE = Path(__file__).parent
Facts = dict[str, Any]


def facts(name: str) -> Any:
    """A JSON file of this folder."""
    return json.loads((_HERE / f"{name}.json").read_text())


class Specification:
    """What the data plane's specification says in one api-version.

    :ivar calls: ``GET /files`` to the shape of each status. :ivar shapes: fields to their kinds.
    """

    def __init__(self, version: str) -> None:
        known = _of(version, facts("specification"))
        self.calls: dict[str, Facts] = known["calls"]
        self.shapes: dict[str, Facts] = known["shapes"]

    def check(self, answer: httpx.Response, path: str) -> None:
        """The answer to a call of ``path`` has a status and a body that are described.

        :param path: below the pool's endpoint.
        """
        described = self._call(answer.request.method, path)
        if answer.status_code >= 400:
            assert answer.headers["x-ms-error-code"] == answer.json()["error"]["code"]
            self.conforms(answer.json(), "ErrorResponse")
            return
        # Its own examples answer asynchronous executions with 202, which it does not list.
        status = {"202": "200"}.get(str(answer.status_code), str(answer.status_code))
        shape = described[status if status in described else str(answer.status_code)]
        if shape == "":
            assert answer.content == b""
        elif shape == "bytes":
            assert answer.headers["content-type"] == "application/octet-stream"
        else:
            self.conforms(answer.json(), shape)

    def conforms(self, value: Any, shape: str) -> None:
        definitions = {name: _object(fields) for name, fields in self.shapes.items()}
        schema = {**_schema(shape), "definitions": definitions}
        jsonschema.Draft4Validator(schema).validate(_in_their_case(value))

    def _call(self, method: str, path: str) -> Facts:
        for template, described in self.calls.items():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, f"{method} {path}"):
                return described
        raise AssertionError(f"the specification has no {method} {path}")


def _of(version: str, value: Any) -> Any:
    """Without what other api-versions have: ``name @2025`` is in those that begin so."""
    if not isinstance(value, dict):
        return value
    named = [(*key.partition(" @"), inner) for key, inner in value.items()]
    return {name: _of(version, i) for name, _, since, i in named if version.startswith(since)}


def _object(fields: Facts) -> Facts:
    properties = {name.rstrip("?"): _schema(kind) for name, kind in fields.items()}
    required = [name for name in fields if not name.endswith("?")]
    needs = {"required": required} if required else {}
    return {"type": "object", "properties": properties, **needs}


def _schema(kind: str) -> Facts:
    if kind == "anything":
        return {}
    if kind in ("string", "integer"):
        return {"type": kind}
    if "|" in kind:
        return {"enum": kind.split("|")}
    if kind.startswith("["):
        return {"type": "array", "items": _schema(kind.strip("[]"))}
    return {"$ref": f"#/definitions/{kind}"}


def _in_their_case(value: Any) -> Any:
    """The service echoes ``synchronous`` as it was sent, which the specification capitalises."""
    if isinstance(value, dict) and isinstance(value.get("executionType"), str):
        return {**value, "executionType": value["executionType"].capitalize()}
    return value


@cache
def specification(version: str) -> Specification:
    return Specification(version)


@dataclass(frozen=True)
class Call:
    """One recorded call.

    :ivar path: below the pool's endpoint. :ivar json: its body. :ivar file: name and content of
        an upload. :ivar headers: those of the answer that are facts. :ivar times: the names of
        those that tell times. :ivar answer: JSON or text; what each run has its own of is "" or 0.
    """

    method: str
    path: str
    query: dict[str, str]
    status: int
    answer: Any
    headers: dict[str, str]
    times: Sequence[str] = ()
    reason: str = ""
    json: Any = None
    file: Sequence[str] = ()


@dataclass(frozen=True)
class Recording:
    """What a real pool answered."""

    host: str
    pool: str
    container_type: str
    calls: Sequence[Call]


@cache
def recording(name: str) -> Recording:
    """One of ``recordings.json``; what all its calls have in common stands there once."""
    said = facts("recordings")[name]
    calls = []
    for call in said["calls"]:
        method, path = call.pop("call").split()
        query = {**said["query"], **call.pop("query", {})}
        headers = {**said["headers"], **call.pop("headers", {})}
        times = said["times"] if call.pop("timed", False) else ()
        calls.append(Call(method, path, query, headers=headers, times=times, **call))
    return Recording(said["host"], said["pool"], said["container_type"], calls)
