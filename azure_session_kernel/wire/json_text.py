"""JSON from and to the other end, which is untrusted."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeGuard

import msgspec

from .decoded_size import why_not

#: Integers up to here are exact in every front end: JavaScript has only floats.
MAX_WHOLE: Final = 2**53 - 1
#: Of an integer, beyond which Python's own reader refuses it (``sys.set_int_max_str_digits``).
MAX_DIGITS: Final = 4300
_MANY_DIGITS: Final = b"0" * (MAX_DIGITS + 1)
_SAMPLED: Final = 400
_SAMPLED_DIGITS: Final = b"0" * (MAX_DIGITS // _SAMPLED)
_ALIKE: Final = bytes.maketrans(b"123456789", b"0" * 9)
#: What msgspec raises for what it can't decode, or encode; older releases' own are no ValueErrors.
NOT_DECODED: Final = (msgspec.MsgspecError, ValueError, RecursionError, MemoryError)
NOT_ENCODED: Final = (
    msgspec.MsgspecError,
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
)
_SYNTAX: Final = msgspec.json.Decoder(msgspec.Raw)
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_DUMPS: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class WireError(ValueError):
    """The other end sent something that is not protocol v1."""


class BeyondDecoder(WireError):
    """JSON that arrived whole and is not decoded here. It says why, as a clause."""


def dump(value: Any) -> bytes:
    """Compact JSON in UTF-8. Lone surrogates (legal in Python strings) stay as escapes."""
    try:
        return _DUMPS(value).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def dump_plain(value: dict[str, Any], otherwise: Callable[[Any], bytes] = dump) -> bytes:
    """``dump`` of what was JSON before, in a tenth of the time.

    :param otherwise: what is used instead of ``dump`` where that can't be.
    """
    try:
        data = msgspec.json.encode(value)
    except NOT_ENCODED:  # half a character, for instance
        return otherwise(value)
    return otherwise(value) if b"null" in data else data  # which may have been a NaN


def load(
    data: bytes | bytearray | memoryview, *, errors: str = "strict", any_text: bool = False
) -> Any:
    """JSON from the other end.

    :param errors: what becomes of bytes that are no UTF-8, as in ``bytes.decode``.
    :param any_text: see ``why_not``.
    :raises WireError: not UTF-8, not JSON.
    :raises BeyondDecoder: it would take too much memory, is nested too deeply, or has an integer
        with more digits than Python reads.
    """
    data = bytes(data)
    if reason := why_not(data, any_text=any_text):
        raise BeyondDecoder(reason)
    try:
        return json.loads(data.decode("utf-8", errors))
    except (json.JSONDecodeError, UnicodeError) as error:
        raise WireError(f"not JSON: {type(error).__name__}") from error
    except RecursionError as error:
        raise BeyondDecoder("it is nested too deeply") from error
    except MemoryError as error:
        raise BeyondDecoder("there is not enough memory for it") from error
    except ValueError as error:
        raise BeyondDecoder("it holds an integer of too many digits") from error


def load_object(data: bytes, *, errors: str = "strict", any_text: bool = False) -> dict[str, Any]:
    """``load`` of what must be an object. :raises WireError: :raises BeyondDecoder:"""
    value = load(data, errors=errors, any_text=any_text)
    if not isinstance(value, dict):
        raise WireError("a part is not an object")
    return value


def read_object(data: bytes, *, errors: str = "strict", any_text: bool = False) -> dict[str, Any]:
    """``load_object``, in less time where everything is as usual."""
    if reason := why_not(data, any_text=any_text):
        raise BeyondDecoder(reason)
    try:
        return _OBJECT.decode(data)
    except NOT_DECODED:
        return load_object(data, errors=errors, any_text=any_text)


def is_valid(data: bytes) -> bool:
    """Whether this is JSON. Nothing is made of it, so it takes a thousandth of the time and none of
    the memory of ``load``.
    """
    try:
        _SYNTAX.decode(data)
    except NOT_DECODED:
        return False
    return True


def may_be_relayed(data: bytes) -> bool:
    """Whether valid JSON may go to a front end as it is: what its reader could not read is left to
    ``load`` and ``dump``.
    """
    return not (len(data) > MAX_DIGITS and _has_many_digits(data)) and _is_utf8(data)


def _has_many_digits(data: bytes) -> bool:
    """Whether more than ``MAX_DIGITS`` follow each other; few texts need more than a sample."""
    if _SAMPLED_DIGITS not in data[::_SAMPLED].translate(_ALIKE):
        return False
    return _MANY_DIGITS in data.translate(_ALIKE)


def _is_utf8(data: bytes) -> bool:
    try:
        return data.isascii() or bool(data.decode())
    except UnicodeDecodeError:
        return False


def object_at(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Empty when it is missing. :raises WireError: it is something else than an object."""
    found = value.get(key, {})
    if not isinstance(found, dict):
        raise WireError(f"{key} must be an object")
    return found


def is_whole(value: object, least: int = 0, most: int = MAX_WHOLE) -> TypeGuard[int]:
    """Whether it is an integer in that range; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def whole_at(value: Mapping[str, Any], key: str, least: int = 0, most: int = MAX_WHOLE) -> int:
    """:raises WireError: it is missing, no integer, or out of range."""
    found = value.get(key)
    if not is_whole(found, least, most):
        raise WireError(f"{key} must be a whole number from {least} to {most}")
    return found


def text_at(value: Mapping[str, Any], key: str, limit: int) -> str:
    """Cut at ``limit`` characters. :raises WireError: it is missing, or not all of it is text."""
    text = value.get(key)
    if not isinstance(text, str):
        raise WireError(f"{key} must be a text")
    try:
        text[:limit].encode()
    except UnicodeEncodeError as error:
        raise WireError(f"{key} holds half a character") from error
    return text[:limit]


def list_at(value: Mapping[str, Any], key: str, limit: int) -> list[Any]:
    """Empty when it is missing; cut at ``limit`` items. :raises WireError: it is no list."""
    items = value.get(key, [])
    if not isinstance(items, list):
        raise WireError(f"{key} must be a list")
    return items[:limit]


def short_text(value: Mapping[str, Any], key: str, limit: int = 500) -> str:
    """Cut at ``limit`` characters; "" when it is missing or no text."""
    text = value.get(key, "")
    return text[:limit] if isinstance(text, str) else ""


def bytes_from_base64(value: Any) -> tuple[bytes, ...]:
    """A list of texts. :raises WireError:"""
    if not isinstance(value, list):
        raise WireError("buffers must be a list")
    try:
        return tuple(base64.b64decode(item, validate=True) for item in value)
    except (TypeError, ValueError, binascii.Error) as error:
        raise WireError("buffers must be base64 text") from error
