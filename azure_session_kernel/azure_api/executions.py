"""Azure's own execution routes: ``/executions``, ``/executions/{id}`` and ``/code/execute``.

Over any interpreter, which a :class:`Runner` stands for: ours, and the local pool's built-in kind.
Shapes: docs/azure.md 1.2, 1.3, 2.1, 2.2, 6.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ..common.owned_tasks import OwnedTasks
from .answers import json_answer
from .outputs import ABORTED, TIMED_OUT, Outputs, ends_in_none
from .request import BadExecution, ExecutionRequest, parse_execution
from .versions import ACCEPTED, FLAT, LATEST, WRAPPED, version_of, with_ids

log = logging.getLogger(__name__)

#: Executions whose results can still be asked for, and as many that are not over.
REMEMBERED: Final = 100
#: Of all of them; the newest result is kept whatever its size.
REMEMBERED_CHARS: Final = 32 * 1024 * 1024
MAX_BODY_BYTES: Final = 4 * 1024 * 1024


class TimedOut(Exception):
    """The time limit is over; what became of the code is the runner's business."""


class Aborted(Exception):
    """The interpreter died, or gave up the request before it ran; the text may say why."""


class Runner(Protocol):
    """Runs code for these routes."""

    async def run(self, request: ExecutionRequest, started: Callable[[], None]) -> Outputs:
        """Called once for each execution; being cancelled does not end the code.

        :param started: called when the code begins to run.
        :raises TimedOut: after ``request.timeout_s`` seconds. :raises Aborted:
        """


@dataclass(eq=False)
class Execution:
    """One execution; ``status`` is Azure's ``OperationState``."""

    id: str
    identifier: str
    request: ExecutionRequest
    status: str = "NotStarted"
    outputs: Outputs = field(default_factory=Outputs)
    failure: str = ""
    time_ms: int = 0

    @property
    def over(self) -> bool:
        return self.status not in ("NotStarted", "Running")

    @property
    def size(self) -> int:
        """In characters."""
        return len(self.request.code) + self.outputs.size


@dataclass(frozen=True)
class ExecutionRules:
    """Where the built-in pool and our container differ.

    :ivar limit_s: no execution lasts longer (docs/azure.md 6.3).
    :ivar output_limit_bytes: of a stream, unless the request says otherwise (6.5).
    :ivar empty_kernel: ``useEmptyKernel`` can be had.
    """

    limit_s: float
    output_limit_bytes: int
    empty_kernel: bool = False


class Executions:
    """The routes, and the executions that they have started."""

    def __init__(self, runner: Runner, rules: ExecutionRules) -> None:
        self._runner, self._rules = runner, rules
        self._known: dict[str, Execution] = {}
        self._tasks = OwnedTasks(log)

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/executions", self._execute, methods=["POST"]),
            Route("/executions/{id:path}", self._get, methods=["GET"]),
            Route("/code/execute", self._execute_wrapped, methods=["POST"]),
        ]

    async def close(self) -> None:
        await self._tasks.aclose()

    # -- routes -----------------------------------------------------------------------------------

    async def _execute(self, request: Request) -> Response:
        return await self._answer(request, version_of(request.query_params, FLAT), self._flat)

    async def _execute_wrapped(self, request: Request) -> Response:
        return await self._answer(request, version_of(request.query_params, WRAPPED), self._wrapped)

    async def _answer(
        self, request: Request, version: str, shape: Callable[[str, Execution], dict[str, Any]]
    ) -> Response:
        try:
            asked = parse_execution(await _body(request), wrapped=version in WRAPPED)
            if asked.empty_kernel and not self._rules.empty_kernel:
                said = "This container has one interpreter: `useEmptyKernel` can't be had."
                raise BadExecution("SessionRequestNotSupported", said)
        except BadExecution as error:
            return azure_error(400, error.code, str(error))
        except ClientDisconnect:
            return Response(status_code=400)  # to nobody
        if len(self._tasks) >= REMEMBERED:
            said = f"{REMEMBERED} executions of this session are not over; wait for one of them."
            return azure_error(429, "TooManyRequests", said)
        execution = self._begin(request, asked)
        if not asked.asynchronous:
            await self._finish(execution)
        accepted = version in FLAT and (asked.asynchronous or version == ACCEPTED)
        answer = json_answer(shape(version, execution), 202 if accepted else 200)
        answer.headers.update(_headers(request, execution))
        return answer

    async def _get(self, request: Request) -> Response:
        version = version_of(request.query_params, FLAT)
        execution = self._known.get(request.path_params["id"])
        if execution is None:
            said = f"No execution available for operation Id: {request.path_params['id'][:100]}"
            return azure_error(404, "SessionExecutionNotFound", said)
        return json_answer(self._flat(version, execution))

    # -- running ----------------------------------------------------------------------------------

    def _begin(self, request: Request, asked: ExecutionRequest) -> Execution:
        """The same ``operation-id`` again runs again: whether Azure notices is unknown."""
        given = request.headers.get("operation-id", "")
        identifier = request.query_params.get("identifier", "")
        execution = Execution(given or str(uuid.uuid4()), identifier, asked)
        self._known.pop(execution.id, None)
        self._known[execution.id] = execution
        while len(self._known) > REMEMBERED:
            over = (name for name, one in self._known.items() if one.over)
            del self._known[next(over, next(iter(self._known)))]
        if asked.asynchronous:
            self._tasks.start(self._run(execution))
        return execution

    async def _finish(self, execution: Execution) -> None:
        """Code goes on when the caller goes away, and its result can be asked for."""
        await asyncio.shield(self._tasks.start(self._run(execution)))

    async def _run(self, execution: Execution) -> None:
        began = time.monotonic()

        def started() -> None:
            nonlocal began
            began = time.monotonic()
            execution.status = "Running"

        limit_s = min(execution.request.timeout_s, self._rules.limit_s)
        asked = replace(execution.request, timeout_s=limit_s)
        try:
            execution.outputs = await self._runner.run(asked, started)
            execution.status = "Succeeded" if execution.outputs.error is None else "Failed"
        except TimedOut:
            execution.failure, execution.status = TIMED_OUT, "Failed"
        except Aborted as error:
            execution.failure, execution.status = f"{ABORTED} {error}".strip(), "Failed"
        execution.time_ms = round((time.monotonic() - began) * 1000)
        self._forget_the_oldest(execution)

    def _forget_the_oldest(self, newest: Execution) -> None:
        """Of those that are over, as long as they are too large together with ``newest``."""
        if self._known.get(newest.id) is newest:
            self._known[newest.id] = self._known.pop(newest.id)
        over = [execution for execution in self._known.values() if execution.over]
        size = sum(execution.size for execution in over)
        for execution in over[:-1]:
            if size <= REMEMBERED_CHARS:
                break
            size -= execution.size
            del self._known[execution.id]

    # -- answers ----------------------------------------------------------------------------------

    def _flat(self, version: str, execution: Execution) -> dict[str, Any]:
        value: dict[str, Any] = {
            "id": execution.id,
            "identifier": execution.identifier,
            "executionType": execution.request.execution_type,
            "status": execution.status,
        }
        if execution.over:
            streams, result = self._results(version, execution)
            took = {"executionTimeInMilliseconds": execution.time_ms}
            value["result"] = {**streams, "executionResult": result, **took}
        return with_ids(version, value)

    def _wrapped(self, version: str, execution: Execution) -> dict[str, Any]:
        streams, result = self._results(version, execution)
        status = {"Succeeded": "Success", "Failed": "Failure"}
        properties = {
            "status": status.get(execution.status, execution.status),
            **streams,
            "result": result,
            "executionTimeInMilliseconds": execution.time_ms,
        }
        return with_ids(version, {"properties": properties})

    def _results(self, version: str, execution: Execution) -> tuple[dict[str, str], Any]:
        limit = execution.request.output_limit_bytes or self._rules.output_limit_bytes
        outputs = execution.outputs
        stderr = outputs.stderr(limit) + execution.failure
        result = outputs.result
        if version == LATEST and execution.status == "Succeeded" and result == "":
            result = None if ends_in_none(execution.request.code) else ""
        return {"stdout": outputs.stream("stdout", limit), "stderr": stderr}, result


def azure_error(status: int, code: str, message: str) -> Response:
    """Azure's error body (docs/azure.md 1.1)."""
    answer = json_answer({"error": {"code": code, "message": message}}, status)
    answer.headers["x-ms-error-code"] = code
    return answer


async def read_body(request: Request) -> bytes:
    """:raises BadExecution: it is too large."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise BadExecution("SessionRequestValidationFailed", "The body is too large.")
    return bytes(data)


async def _body(request: Request) -> Any:
    try:
        return json.loads(await read_body(request))
    except (ValueError, RecursionError):
        raise BadExecution("SessionRequestValidationFailed", "The body is not JSON.") from None


def _headers(request: Request, execution: Execution) -> dict[str, str]:
    """The image's ``Operation-Location`` is a path (docs/azure.md 3.5)."""
    given = request.query_params
    query = urlencode({key: given[key] for key in ("api-version", "identifier") if key in given})
    where = f"/executions/{quote(execution.id, safe='')}"
    return {
        "operation-id": execution.id,
        "operation-location": f"{where}?{query}" if query else where,
        "x-ms-container-execution-duration": str(execution.time_ms),
    }
