"""The local pool answers as a real custom-container pool was recorded to answer."""

from __future__ import annotations

from ..azure_facts import recording
from .conftest import RunFront

#: Each HTTP server frames its bodies as it likes: a client sees no difference.
FRAMING = {"content-length", "transfer-encoding"}


async def test_the_recorded_calls_are_answered_as_recorded(run_front: RunFront) -> None:
    pool = recording("custom-container")
    async with run_front(name=pool.pool) as front:
        for call in pool.calls:
            answer = await front.client.request(call.method, call.path, params=call.query)
            assert (answer.status_code, answer.reason_phrase) == (call.status, call.reason)
            assert answer.text == call.answer
            if not answer.text:
                assert answer.headers["content-length"] == "0"
            returned = {k: v for k, v in answer.headers.items() if k not in FRAMING | {"date"}}
            assert returned == call.headers
