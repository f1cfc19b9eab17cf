"""Jupyter's messages for a cell that ran where no Jupyter kernel is.

Some pools answer a cell with plain text: what it printed, and how it ended. ``begun`` and ``ended``
make of that what an ipykernel would have sent (Jupyter message spec, "Execute"), so that the kernel
and its front ends need not know the difference. What is asked besides cells: ``plain_requests.py``.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from ..common.errors import UnexpectedAnswer
from ..interpreter.history import elsewhere
from ..wire import Message
from ..wire.composed import output, reply, reply_metadata, status

#: What is shown of something that could not be understood.
EXCERPT_CHARS: Final = 80

_NO_EXPRESSIONS: Final = "This pool runs whole cells and can't evaluate expressions afterwards."


class Failure(Protocol):
    """Why a cell failed: a ``SessionKernelError``, or a ``PythonError``."""

    def as_content(self) -> dict[str, Any]:
        """``ename``, ``evalue`` and ``traceback``."""


@dataclass(frozen=True)
class PythonError:
    """An exception of the user's code. ``traceback`` is what is shown, one line or more each."""

    ename: str
    evalue: str
    traceback: tuple[str, ...]

    def as_content(self) -> dict[str, Any]:
        return {"ename": self.ename, "evalue": self.evalue, "traceback": list(self.traceback)}


@dataclass(frozen=True)
class PlainResult:
    """What a pool told of a cell.

    :ivar result: the text of its last expression, or "". :ivar images: PNG in base64, in order.
    """

    stdout: str = ""
    stderr: str = ""
    result: str = ""
    images: tuple[str, ...] = ()
    failure: Failure | None = None


class Counter:
    """A session's execution count, kept here. ``value``: of the newest cell that counted."""

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def begin(self, request: Message) -> int:
        """The number that ``execute_input`` shows. Counts the cell if it is one that counts, and
        those before it that ended in the kernel itself.
        """
        self.value += len(elsewhere(request.metadata))
        shown = self.value + 1
        content = request.content
        if content.get("store_history", True) and not content.get("silent"):
            self.value = shown
        return shown


def begun(request: Message, shown_count: int) -> list[Message]:
    """What a kernel sends when a cell begins. :param shown_count: from ``Counter.begin``."""
    messages = [status(request, "busy")]
    if not request.content.get("silent"):
        shown = {"code": request.content.get("code", ""), "execution_count": shown_count}
        messages.append(output(request, "execute_input", shown))
    return messages


def ended(request: Message, result: PlainResult, count: int) -> list[Message]:
    """What a kernel sends from then on: the outputs, the reply, idle.

    :param count: ``Counter.value``.
    """
    messages = [
        output(request, "stream", {"name": name, "text": text})
        for name, text in (("stdout", result.stdout), ("stderr", result.stderr))
        if text
    ]
    failure = result.failure
    for image in result.images:
        if _is_png(image):
            messages.append(_image(request, image))
        else:
            failure = failure or _broken_image(image)
    if result.result and not request.content.get("silent"):
        data = {"text/plain": result.result}
        shown = {"execution_count": count, "data": data, "metadata": {}}
        messages.append(output(request, "execute_result", shown))
    if failure is not None:
        messages.append(output(request, "error", failure.as_content()))
    content = _reply_content(request, failure, count)
    messages.append(replace(reply(request, content), metadata=reply_metadata(content)))
    messages.append(status(request, "idle"))
    return messages


def _reply_content(request: Message, failure: Failure | None, count: int) -> dict[str, Any]:
    content = {"execution_count": count, "user_expressions": {}, "payload": []}
    if failure is not None:
        return {"status": "error", **failure.as_content(), **content}
    wanted = request.content.get("user_expressions")
    names = wanted if isinstance(wanted, dict) else {}
    error = PythonError("NotImplementedError", _NO_EXPRESSIONS, (_NO_EXPRESSIONS,))
    content["user_expressions"] = {
        name: {"status": "error", **error.as_content()} for name in names
    }
    return {"status": "ok", **content}


def _image(request: Message, data: str) -> Message:
    shown = {"data": {"image/png": data}, "metadata": {}, "transient": {}}
    return output(request, "display_data", shown)


def _is_png(text: str) -> bool:
    try:
        return base64.b64decode(text, validate=True).startswith(b"\x89PNG")
    except (binascii.Error, ValueError):
        return False


def _broken_image(data: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"The pool answered with an image that can't be read: {data[:EXCERPT_CHARS]!r} "
        f"({len(data)} characters) is not a PNG in base64.",
        cause="The pool cut the answer, or garbled it. The cell itself has run.",
        fix="Make the figure smaller (dpi, figsize), or save it to a file.",
    )
