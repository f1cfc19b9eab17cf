"""Azure's published specification and recordings, which lie beside this repository."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped,unused-ignore]
import pytest

_AZURE = Path(__file__).parents[2] / "shared" / "azure"


def material(name: str) -> Any:
    """A JSON file of it. Without it the test is skipped; in CI it fails."""
    path = _AZURE / name
    if not path.exists():
        missing = f"it is not there: {path}"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return json.loads(path.read_text())


class Specification:
    """The data plane's specification in one api-version."""

    def __init__(self, version: str) -> None:
        self._json = material(f"openapi/{version}/DynamicSessions.json")

    def check(self, answer: httpx.Response, path: str) -> None:
        """The answer to a call of ``path`` has a status and a body that are described.

        :param path: below the pool's endpoint.
        """
        operation = self._operation(answer.request.method, path)
        described = operation["responses"]
        if answer.status_code >= 400:
            assert answer.headers["x-ms-error-code"] == answer.json()["error"]["code"]
            self.conforms(answer.json(), described["default"]["schema"])
            return
        # Its own examples answer asynchronous executions with 202, which it does not list.
        status = {"202": "200"}.get(str(answer.status_code), str(answer.status_code))
        response = described.get(status) or described[str(answer.status_code)]
        schema = response.get("schema")
        if schema is None:
            assert answer.content == b""
        elif schema.get("type") == "file":
            assert answer.headers["content-type"] == "application/octet-stream"
        else:
            self.conforms(answer.json(), schema)

    def conforms(self, value: Any, schema: dict[str, Any]) -> None:
        jsonschema.Draft4Validator({**self._json, **schema}).validate(_in_their_case(value))

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        for template, operations in self._json["paths"].items():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and method.lower() in operations:
                operation: dict[str, Any] = operations[method.lower()]
                return operation
        raise AssertionError(f"the specification has no {method} {path}")


def _in_their_case(value: Any) -> Any:
    """The service echoes ``synchronous`` as it was sent, which the specification capitalises."""
    if isinstance(value, dict) and isinstance(value.get("executionType"), str):
        return {**value, "executionType": value["executionType"].capitalize()}
    return value


@cache
def specification(version: str) -> Specification:
    return Specification(version)


def is_here() -> bool:
    return _AZURE.exists() or os.environ.get("CI") == "true"
