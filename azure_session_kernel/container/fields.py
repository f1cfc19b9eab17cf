"""Fields of a request's body, checked: the client is untrusted, too. All raise ``WireError``."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ..wire import (
    ARGUMENT,
    FOLDER,
    MAX_ARGUMENTS,
    MAX_ARGUMENTS_CHARS,
    MAX_VARIABLES,
    MAX_VARIABLES_CHARS,
    VARIABLE,
    WireError,
)


def text(body: dict[str, Any], key: str) -> str:
    """Text; "" when absent."""
    value = body.get(key, "")
    if not isinstance(value, str):
        raise WireError(f"{key} must be text")
    return value


def items(body: dict[str, Any], key: str) -> list[Any]:
    value = body.get(key)
    if not isinstance(value, list):
        raise WireError(f"{key} must be a list")
    return value


def seconds(body: dict[str, Any], key: str, limit: float) -> float:
    """Seconds between 0 and ``limit``; the limit when absent."""
    value = body.get(key, limit)
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        raise WireError(f"{key} must be a number of seconds")
    return min(max(float(value), 0.0), limit)


def whole(body: dict[str, Any], key: str) -> int:
    """A whole number from 0 on."""
    value = body.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise WireError(f"{key} must be a number")
    return value


def flag(body: dict[str, Any], key: str) -> bool:
    """True or false; false when absent."""
    value = body.get(key, False)
    if not isinstance(value, bool):
        raise WireError(f"{key} must be true or false")
    return value


def data(body: dict[str, Any], key: str) -> bytes:
    """Bytes, which are base64 in JSON."""
    try:
        return base64.b64decode(text(body, key), validate=True)
    except (ValueError, binascii.Error) as error:
        raise WireError(f"{key} must be base64") from error


def variables(body: dict[str, Any], key: str) -> dict[str, str]:
    """Environment variables that a POSIX process can have, and not too many."""
    value = body.get(key)
    if not isinstance(value, dict) or len(value) > MAX_VARIABLES:
        raise WireError(f"{key} must be an object of at most {MAX_VARIABLES} variables")
    for name, content in value.items():
        if not VARIABLE.fullmatch(name) or not isinstance(content, str) or "\0" in content:
            raise WireError(f"{key} holds a variable that can't be set")
    if sum(len(name) + len(content) for name, content in value.items()) > MAX_VARIABLES_CHARS:
        raise WireError(f"{key} is too large")
    return value


def arguments(body: dict[str, Any], key: str) -> tuple[str, ...]:
    """Arguments of an ipykernel's command line, each as ``--Class.trait=value``."""
    value = body.get(key)
    if not isinstance(value, list) or len(value) > MAX_ARGUMENTS:
        raise WireError(f"{key} must be a list of at most {MAX_ARGUMENTS} arguments")
    if not all(isinstance(one, str) and ARGUMENT.fullmatch(one) for one in value):
        raise WireError(f"{key} holds one that is not --Class.trait=value")
    if sum(map(len, value)) > MAX_ARGUMENTS_CHARS:
        raise WireError(f"{key} is too large")
    return tuple(value)


def folder(body: dict[str, Any], key: str) -> str:
    """A folder in the working directory, or "": that directory itself."""
    value = text(body, key)
    if value and not FOLDER.fullmatch(value):
        raise WireError(f"{key} must be the name of a folder")
    return value
