"""Messages as bytes, whatever the texts in them.

jupyter_client raises for lone surrogates, but for U+DC80 to U+DCFF, which ``os.listdir`` gives for
a name that is no UTF-8: those become raw bytes, which front ends replace as they read. Nothing with
a lone surrogate could be saved in a notebook, so U+FFFD stands for each of the others.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

#: What ``errors`` of ``str.encode`` may be.
ANY_TEXT = "azure-session-any-text"
#: A pair is one character, written as two by whoever made the text.
_SURROGATES = re.compile(
    "[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udbff]|[\udc00-\udc7f\udd00-\udfff]"
)


def _encoded(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = _SURROGATES.sub(_in_place_of, error.object[error.start : error.end])
    return text.encode("utf-8", "surrogateescape"), error.end


def _in_place_of(surrogates: re.Match[str]) -> str:
    return surrogates.group().encode("utf-16", "surrogatepass").decode("utf-16", "replace")


codecs.register_error(ANY_TEXT, _encoded)


def let_any_text_pass() -> None:
    """From here on jupyter_client's own packer raises for no text.

    It is changed in place: a function around it would stand in the tracebacks of the user's cells,
    and in the warnings that they cause.
    """
    from jupyter_client.session import json_packer

    code = json_packer.__code__
    consts = tuple(ANY_TEXT if one == "surrogateescape" else one for one in code.co_consts)
    json_packer.__code__ = code.replace(co_consts=consts)


def pack(value: Any) -> bytes:
    """JSON in valid UTF-8, without a warning."""
    text = _text(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return valid(text.encode("utf-8", ANY_TEXT))


def valid(data: bytes) -> bytes:
    """As a front end reads it: with U+FFFD for what is no UTF-8."""
    return data if data.isascii() else data.decode("utf-8", "replace").encode()


def read(part: bytes) -> dict[str, Any] | None:
    """One part of a message, as a front end reads it; None if it is none."""
    try:
        value = json.loads(part.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(value: Any) -> str:
    try:
        return _dumps(value)
    except (TypeError, ValueError):
        from jupyter_client.jsonutil import json_clean

        return _dumps(json_clean(value))


def _dumps(value: Any) -> str:
    from jupyter_client.jsonutil import json_default

    return json.dumps(value, default=json_default, ensure_ascii=False, allow_nan=False)
