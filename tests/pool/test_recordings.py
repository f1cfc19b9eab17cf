"""The local pool answers as a real custom-container pool was recorded to answer."""

from __future__ import annotations

from typing import Any

import pytest

from ..azure_material import material
from .conftest import RunFront

RECORDING = "recordings/custom-container-data-plane.json"
#: Each HTTP server frames its bodies as it likes: a client sees no difference.
FRAMING = {"content-length", "transfer-encoding"}


@pytest.fixture
def exchanges() -> list[dict[str, Any]]:
    """The recorded requests and answers, in their order."""
    recorded: list[dict[str, Any]] = material(RECORDING)["exchanges"]
    return recorded


async def test_the_recorded_calls_are_answered_as_recorded(
    run_front: RunFront, exchanges: list[dict[str, Any]]
) -> None:
    pool = exchanges[0]["request"]["host"].split(".")[0]
    async with run_front(name=pool) as front:
        for exchange in exchanges:
            request, expected = exchange["request"], exchange["response"]
            answer = await front.client.request(
                request["method"], request["path"], params=request["query"]
            )
            assert (answer.status_code, answer.reason_phrase) == (
                expected["status"],
                expected["reason"],
            )
            assert answer.text == expected["body"]["text"]
            recorded = dict(expected["headers"])
            if not answer.text:
                assert answer.headers["content-length"] == recorded["content-length"]
            returned = {name: value for name, value in answer.headers.items() if name != "date"}
            assert _without(returned, FRAMING) == _without(recorded, FRAMING)


def _without(headers: dict[str, str], names: set[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}
