"""The body of ``POST /executions`` and ``POST /code/execute``, checked (docs/azure.md 1.3, 6.9)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final

#: The image's default when the request names none (IMGSPEC).
DEFAULT_TIMEOUT_S: Final = 120.0

_INPUT_TYPES: Final = ("inline", "inlinebase64", "inlinetext")
_EXECUTION_TYPES: Final = ("synchronous", "asynchronous")


class BadExecution(Exception):
    """A body that the service refuses with 400.

    :ivar code: Azure's error code (docs/azure.md 4.1).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class ExecutionRequest:
    """What is to run. ``execution_type`` is as the caller wrote it, for it is echoed."""

    code: str
    execution_type: str = "Synchronous"
    timeout_s: float = DEFAULT_TIMEOUT_S
    output_limit_bytes: int | None = None
    empty_kernel: bool = False

    @property
    def asynchronous(self) -> bool:
        return self.execution_type.lower() == "asynchronous"


def parse_execution(body: Any, *, wrapped: bool) -> ExecutionRequest:
    """:param wrapped: the fields are due inside ``properties``.

    :raises BadExecution:
    """
    fields = body.get("properties") if wrapped and isinstance(body, dict) else body
    if not isinstance(fields, dict) or (not wrapped and "properties" in fields):
        where = "inside 'properties'" if wrapped else "at the top level of the body"
        raise BadExecution("SessionPropertiesMissing", f"The session's properties belong {where}.")
    if not isinstance(fields.get("code"), str):
        raise _invalid("`Code` field is required in the request")
    return ExecutionRequest(
        _code(fields),
        _one_of(fields, "executionType", "Synchronous", _EXECUTION_TYPES),
        float(_whole(fields, "timeoutInSeconds") or DEFAULT_TIMEOUT_S),
        _whole(fields, "outputStreamsMaxLength"),
        fields.get("useEmptyKernel") is True,
    )


def _code(fields: dict[str, Any]) -> str:
    code: str = fields["code"]
    if _one_of(fields, "codeInputType", "Inline", _INPUT_TYPES).lower() != "inlinebase64":
        return code
    try:
        return base64.b64decode(code, validate=True).decode()
    except (binascii.Error, ValueError):
        raise _invalid("`Code` is not base64 of UTF-8 text.") from None


def _one_of(fields: dict[str, Any], key: str, default: str, allowed: tuple[str, ...]) -> str:
    value = fields.get(key) or default
    if not isinstance(value, str) or value.lower() not in allowed:
        raise _invalid(f"`{key}` must be one of {', '.join(allowed)}.")
    return value


def _whole(fields: dict[str, Any], key: str) -> int | None:
    value = fields.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise _invalid(f"`{key}` must be a positive whole number of 32 bits.")
    return value


def _invalid(message: str) -> BadExecution:
    return BadExecution("SessionRequestValidationFailed", message)
