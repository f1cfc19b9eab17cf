"""How a request ends: with what the session said of it, or here, with an error."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from ..common.errors import InternalError, SessionKernelError
from ..wire import Message
from ..wire.composed import reply_metadata
from .execution_counts import Counts
from .front_end import FrontEnd
from .lanes import Lanes
from .request_states import Event
from .requests import Request, RequestTable
from .too_large_outputs import not_passed_on, reply_missing

log = logging.getLogger(__name__)


class Endings:
    """The ``EndsRequests`` (see ``requests.py``) of a kernel.

    :param take_arrived: reads what front ends have sent by now.
    :param on_ended: told of each request that is over.
    :ivar working: the tasks at work on requests, by msg_id; they end with them.
    """

    def __init__(
        self,
        front: FrontEnd,
        requests: RequestTable,
        lanes: Lanes,
        counts: Counts,
        take_arrived: Callable[[], object],
        on_ended: Callable[[Request], None] = lambda request: None,
    ) -> None:
        self._front, self._requests, self._lanes = front, requests, lanes
        self._counts, self._take_arrived, self._on_ended = counts, take_arrived, on_ended
        self.working: dict[str, asyncio.Task[None]] = {}
        self._undelivered = ""

    def begin(self, request: Request, *, busy_soon: bool = False) -> None:
        """:param busy_soon: behind what the event loop has to do now, or before anything else that
        is said of it.
        """
        comm, request.comm_before = request.comm_before, None
        behind_comm = comm is not None and not comm.over.is_set()
        request.says_busy_itself = request.is_comm or behind_comm
        self._requests.add(request)
        if request.says_busy_itself:
            return
        request.busy_is_due = True
        if busy_soon:
            asyncio.get_running_loop().call_soon(self.say_busy, request)
        else:
            self.say_busy(request)

    def say_busy(self, request: Request) -> None:
        """See ``EndsRequests``."""
        if request.busy_is_due:
            request.busy_is_due = False
            self._front.busy(request)

    def finish(self, request: Request) -> None:
        """An error aborts the cells that have come by now, none that is sent after its reply."""
        self._requests.remove(request)
        try:
            if request.stops_queue:
                self._take_arrived()
                self._lanes.abort_cells_behind(request)
            self._begun_here(request)
            if request.reply is not None:
                self._reply(request, request.reply)
            self.say_idle(request)
        finally:
            request.on(Event.ENDED)
            self._on_ended(request)

    def say_idle(self, request: Request) -> None:
        """Once: before its reply, where the session says already what comes after it."""
        if not request.said_idle:
            request.said_idle = True
            self._front.idle(request)

    def fail(self, request: Request, error: SessionKernelError) -> None:
        if request.over.is_set():
            return
        work = self.working.pop(request.msg_id, None)
        if work is not None and work is not asyncio.current_task():
            work.cancel()
        if request.notice is not None:
            request.notice.remove()
        request.ended_with = error
        self.answer(request, error)
        self.finish(request)

    def fail_all(self, requests: Iterable[Request], error: SessionKernelError) -> None:
        for request in requests:
            self.fail(request, error)

    def drop(self, cell: Request, error: SessionKernelError) -> None:
        self.begin(cell)
        self.fail(cell, error)

    def abort(self, request: Request) -> None:
        """A cell before it in the queue failed."""
        self._front.busy(request)
        self._front.reply(request, _as_aborted({"msg_type": "execute_reply"}))
        self._front.idle(request)
        request.on(Event.ENDED)

    def finish_aborted(self, cell: Request) -> None:
        """The same for one whose turn has begun: it was sent ahead, and not taken."""
        cell.reply = _as_aborted({"msg_type": "execute_reply"})
        self.finish(cell)

    def answer(self, request: Request, error: SessionKernelError) -> None:
        """The ``error`` output and the reply have the same fields (docs/design.md rule 6)."""
        content = {"status": "error", **error.as_content()}
        self._begun_here(request)
        if request.is_execute:
            content |= self._publish_error(request, error)
        if request.message.msg_type == "debug_request":
            content |= _debugger_failure(dict(request.message.content), error)
        if request.is_comm:
            if str(error) != self._undelivered:  # widgets send many of them
                log.warning("a %s was not delivered: %s", request.message.msg_type, error)
            self._undelivered = str(error)
        if request.message.msg_type.endswith("_request"):
            request.reply = Message(request.channel, {"msg_type": request.reply_type}, content)

    def _reply(self, request: Request, reply: Message) -> None:
        if request.after is not None and reply.content.get("status") == "aborted":
            self._counts.take_back(request)
            reply = _as_aborted(reply.header)
        try:
            self._front.reply(request, reply)
        except Exception as error:
            log.warning("a %.40s can't be passed on", reply.msg_type, exc_info=error)
            self.answer(request, reply_missing(not_passed_on(reply, error)))
            if request.reply is not None:
                self._front.reply(request, request.reply)

    def _begun_here(self, request: Request) -> None:
        """Before the rest of what is said of it."""
        self.say_busy(request)
        if request.says_busy_itself and not request.busy:
            self._front.busy(request)
            request.busy = True

    def _publish_error(self, request: Request, error: SessionKernelError) -> dict[str, Any]:
        """The outputs of a cell that failed here; what its reply has besides the error."""
        count = self._counts.of(request)
        header, asked = request.message.header, request.message.content
        if not asked.get("silent"):
            if not request.input_published:
                shown = {"code": asked.get("code", ""), "execution_count": count}
                self._front.publish("execute_input", shown, header)
            self._front.publish("error", error.as_content(), header)
        return {"execution_count": count, "user_expressions": {}, "payload": []}


def _as_aborted(header: dict[str, Any]) -> Message:
    content = {"status": "aborted"}
    return Message("shell", header, content, metadata=reply_metadata(content))


def internal(error: Exception) -> InternalError:
    return InternalError(
        f"This kernel failed ({type(error).__name__}) while it handled the cell.",
        cause="A fault of the kernel, not of your code; whether the cell ran is not known.",
        fix="The kernel's log, in the terminal of Jupyter, has the details. Please report it.",
    )


def _debugger_failure(asked: dict[str, Any], error: SessionKernelError) -> dict[str, Any]:
    """What a debugger's front end looks at: a response of the Debug Adapter Protocol."""
    return {
        "type": "response",
        "success": False,
        "command": asked.get("command", ""),
        "request_seq": asked.get("seq", 0),
        "message": str(error),
    }
