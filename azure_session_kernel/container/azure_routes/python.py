"""``POST /python/execute``, as one-shot containers have it (docs/azure.md 3.6, 4.2 and 7).

Body ``{"properties": {"code", "stdin"}}``, or the same keys at the top level. The answer holds what
either kind of container answers: ``exitCode`` (a Piston wrapper), ``returnCode`` (Microsoft's
sample). Unlike there, variables are kept: it is the notebook's interpreter.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ...azure_api.answers import json_answer
from ...azure_api.executions import Aborted, ExecutionRules, TimedOut, read_body
from ...azure_api.outputs import ABORTED, Outputs
from ...azure_api.request import DEFAULT_TIMEOUT_S, BadExecution, ExecutionRequest
from .runner import AdapterRunner

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_LANGUAGES: Final = ("python", "python3")


def python_route(runner: AdapterRunner, rules: ExecutionRules) -> Route:
    """The route over ``runner``, with the limits of ``rules``."""

    async def endpoint(request: Request) -> Response:
        try:
            fields = _fields(await _object(request))
            code, lines = _text(fields, "code"), _text(fields, "stdin").splitlines()
            asked = ExecutionRequest(code, timeout_s=min(_timeout_s(fields), rules.limit_s))
        except BadExecution as error:
            return json_answer({"error": str(error)}, 400)
        except ClientDisconnect:
            return Response(status_code=400)  # to nobody
        return await _run(runner, asked, lines, rules.output_limit_bytes)

    return Route("/python/execute", endpoint, methods=["POST"])


async def _run(
    runner: AdapterRunner, asked: ExecutionRequest, lines: list[str], limit: int
) -> Response:
    began = time.monotonic()
    took_ms: Callable[[], int] = lambda: round((time.monotonic() - began) * 1000)  # noqa: E731
    try:
        outputs = await runner.run(asked, lambda: None, lines)
    except TimedOut:
        failed = _properties(1, "", "Execution timed out", "", took_ms())
        return json_answer({"properties": failed}, 408)
    except Aborted as error:
        said = f"{ABORTED}. {error}".strip()
        return json_answer({"properties": _properties(1, "", said, "", took_ms())})
    stderr = _COLOUR.sub("", outputs.stderr(limit))
    stdout, result = outputs.stream("stdout", limit), outputs.result
    properties = _properties(_exit_code(outputs), stdout, stderr, result, took_ms())
    return json_answer({"properties": properties})


def _properties(exit_code: int, stdout: str, stderr: str, result: Any, ms: int) -> dict[str, Any]:
    return {
        "status": "Failed" if exit_code else "Success",
        "stdout": stdout,
        "stderr": stderr,
        "exitCode": exit_code,
        "returnCode": exit_code,
        "executionResult": result,
        "executionTimeInMilliseconds": ms,
    }


def _exit_code(outputs: Outputs) -> int:
    """What a process of its own would have ended with."""
    error = outputs.error
    if error is None:
        return 0
    evalue = str(error.get("evalue"))
    if error.get("ename") != "SystemExit":
        return 1
    return int(evalue) & 0xFF if evalue.isdigit() else int(evalue not in ("", "None"))


async def _object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await read_body(request))
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or not body:
        raise BadExecution("", "No JSON data provided")
    return body


def _fields(body: dict[str, Any]) -> dict[str, Any]:
    properties = body.get("properties")
    fields = properties if isinstance(properties, dict) else body
    language = fields.get("language") or "python"
    if language not in _LANGUAGES:
        raise BadExecution("", f"Unsupported language: {str(language)[:100]}")
    if not isinstance(fields.get("code"), str):
        raise BadExecution("", "No code or command provided")
    return fields


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key) or ""
    if not isinstance(value, str):
        raise BadExecution("", f"{key} must be text")
    return value


def _timeout_s(fields: dict[str, Any]) -> float:
    value = fields.get("timeoutInSeconds") or DEFAULT_TIMEOUT_S
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise BadExecution("", "timeoutInSeconds must be a positive number")
    return float(value)
