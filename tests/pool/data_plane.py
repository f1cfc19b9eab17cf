"""A client of a built-in pool's data plane that checks every answer against the specification."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from azure_session_kernel.azure_api.versions import FLAT, LATEST

from ..azure_facts import specification
from ..conftest import RunningPool


@dataclass
class DataPlane:
    """One session, in one api-version."""

    client: httpx.Client
    identifier: str
    version: str = LATEST

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        query = {"identifier": self.identifier, "api-version": self.version}
        params = {**query, **options.pop("params", {})}
        answer = self.client.request(method, path, params=params, **options)
        if self.version in FLAT:
            specification(self.version).check(answer, path)
        return answer

    def get(self, path: str, /, **params: Any) -> httpx.Response:
        return self.call("GET", path, params=params)

    def upload(self, name: str, data: bytes, /, **params: str) -> httpx.Response:
        return self.call("POST", "/files", params=params, files={"file": (name, data)})

    def start(self, code: str, headers: dict[str, str] | None = None, **fields: Any) -> Any:
        """``POST /executions``; the answer's body."""
        body = {"codeInputType": "Inline", "executionType": "Synchronous", "code": code}
        return self.call("POST", "/executions", json={**body, **fields}, headers=headers).json()

    def run(self, code: str, **fields: Any) -> dict[str, Any]:
        """The ``result`` of code that succeeds."""
        execution = self.start(code, **fields)
        assert execution["status"] == "Succeeded", execution
        result: dict[str, Any] = execution["result"]
        return result

    def fail(self, code: str, **fields: Any) -> dict[str, Any]:
        """The ``result`` of code that fails."""
        execution = self.start(code, **fields)
        assert execution["status"] == "Failed", execution
        result: dict[str, Any] = execution["result"]
        return result


@contextmanager
def data_plane(pool: RunningPool, identifier: str) -> Iterator[DataPlane]:
    with pool.client() as client:
        yield DataPlane(client, identifier)
