"""Jupyter in, Jupyter out: the kernel that a front end talks to. No HTTP here.

The life of one cell, downwards through this file::

    _on_shell            ZeroMQ frames become a Request, which queues in its shell's lane
    _handle              busy; sent to the session; waits until it is over
    SessionMessages      (session_messages.py) publishes what the session sends under its request
    _finish              outputs have been published; now the reply, then idle

Everything runs on one event loop and nothing blocks it, so interrupt and shutdown are always
answered (design, rules 7 and 8).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ipykernel.kernelbase import Kernel
from tornado import ioloop
from traitlets import List, Unicode
from zmq.eventloop.zmqstream import ZMQStream

from .. import __version__
from ..common.errors import (
    CredentialError,
    ExecutionUnknown,
    InternalError,
    Interrupted,
    PoolError,
    PoolUnreachable,
    SessionKernelError,
)
from ..common.within import within
from ..executors.plain import reply_metadata
from ..session.loss_errors import not_sent, shut_down_before
from ..session.session import NotebookSession
from ..wire import Message
from ..wire.kernel_info import BANNER, IMPLEMENTATION, LANGUAGE, kernel_info
from .comms import CommQueue
from .file_hints import HintedMessages
from .front_end import FrontEnd
from .interrupts import LAST_WORDS_S, InterruptLadder
from .lanes import Lanes
from .magics.cell import MagicCells
from .magics.parse import Magic, find_magic
from .requests import Request, RequestTable
from .session_messages import SessionMessages
from .too_large_outputs import not_passed_on, reply_missing

#: ``kernel_info`` waits so long for the session, then answers in any case (design, section 6).
START_BUDGET_S: Final = 20.0
#: How long the end waits for the answer to a shutdown, which has nothing to wait for any more.
ANSWER_S: Final = 0.5
#: Answers to ``input()`` on their way at a time: code goes on when it has its answer.
MOST_ANSWERS: Final = 20


class AzureSessionKernel(Kernel):
    """An ipykernel ``Kernel`` whose every request is answered by a session of the pool."""

    implementation = IMPLEMENTATION
    implementation_version = __version__
    banner = BANNER
    language_info = LANGUAGE
    connection_file = Unicode()
    #: Of the command line, for the session's interpreter.
    arguments = List(Unicode())

    def start(self) -> None:
        """Called once by the application, on its event loop, before the loop runs."""
        self.io_loop = ioloop.IOLoop.current()
        streams: dict[str, Any] = {"shell": self.shell_stream, "control": self.control_stream}
        self._stdin_stream = ZMQStream(self.stdin_socket)
        self._front = FrontEnd(
            self.session,  # type: ignore[arg-type]
            self.iopub_socket,
            streams,
            self._stdin_stream,
            self.ident,
        )
        self._requests = RequestTable()
        self._lanes = Lanes(self._handle)
        self._comms = CommQueue(self._send_comms)
        self._tasks: set[asyncio.Task[None]] = set()
        self._answering: set[asyncio.Task[None]] = set()
        self._inputs: set[asyncio.Task[None]] = set()
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._undelivered = ""
        folder = Path.cwd()
        self._messages = SessionMessages(
            self._front,
            self._requests,
            self._finish,
            self._fail,
            self._answer,
            self._answer_input,
        )
        hinted = HintedMessages(self._messages, self._requests, folder, self._takes_files)
        self._notebook = NotebookSession(
            self.connection_file, hinted, self._is_busy, arguments=self.arguments
        )
        self._ladder = InterruptLadder(
            self._notebook, self._requests, self._lanes, self._fail, self._drop
        )
        self._magics = MagicCells(self._front, self._notebook, folder, self._messages.last)
        self._stdin_stream.on_recv(self._on_stdin)
        streams["shell"].on_recv(self._on_shell)
        streams["control"].on_recv(self._on_control)
        self._front.publish("status", {"execution_state": "starting"}, None)
        self.io_loop.add_callback(self._begin_work)

    def _is_busy(self) -> bool:
        return bool(self._requests) or self._requests.strays.any_found

    def _takes_files(self) -> bool:
        opening = self._notebook.opening
        return opening is None or opening.executor.name != "oneshot"

    def _begin_work(self) -> None:
        self._notebook.begin()
        self._own(self._comms.run())

    # -- messages from the front end --------------------------------------------------------------

    def _on_shell(self, frames: list[bytes]) -> None:
        request = self._front.read("shell", frames)
        if request is None:
            return
        match request.message.msg_type:
            case "comm_open" | "comm_msg" | "comm_close":
                # ipykernel decides whether a running cell lets them pass.
                self._comms.put(request)
            case _:
                request.comms_before = self._comms.taken
                self._lanes.put(request)

    def _on_control(self, frames: list[bytes]) -> None:
        """What is answered here never waits for the session's answers to others (rule 7)."""
        request = self._front.read("control", frames)
        if request is None:
            return
        match request.message.msg_type:
            case "interrupt_request":
                self._own(self._answer_interrupt(request))
            case "kernel_info_request" | "connect_request" | "shutdown_request":
                self._own(self._handle(request))
            case _:
                self._lanes.put(request)

    def _own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """No task without an owner: kept until done, its failure logged."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.log.error("a handler failed", exc_info=task.exception())

    # -- a request's life -------------------------------------------------------------------------

    async def _handle(self, request: Request) -> None:
        """Answer it, and wait until it is over. Ends normally however the request ends."""
        if request.aborted:
            self._abort(request)
        elif request.message.msg_type in ("connect_request", "shutdown_request"):
            answering = self._own(self._answer_here(request))
            self._answering.add(answering)
            await asyncio.wait({answering})
        else:
            self._begin(request)
            self._sending[request.msg_id] = self._own(self._work_on(request))
            await request.over.wait()

    async def _work_on(self, request: Request) -> None:
        """Whatever fails, the request is answered: others wait behind it."""
        try:
            magic = find_magic(request.message)
            if request.message.msg_type == "kernel_info_request":
                await self._answer_kernel_info(request)
            elif magic is not None:
                await self._run_magic(request, magic)
            else:
                await self._send([request])
        except Exception as error:
            self.log.exception("a %s failed", request.message.msg_type)
            self._fail(request, _internal(error))

    async def _run_magic(self, request: Request, magic: Magic) -> None:
        """A line for this kernel itself (``magics/``); then the rest of the cell, if any."""
        try:
            await self._magics.run(request, magic, self._messages.counts.next)
        except SessionKernelError as error:
            self._fail(request, error)
            return
        if magic.rest:
            await self._send([request])
            return
        self._sending.pop(request.msg_id, None)
        count = self._messages.counts.of(request)
        content = {"execution_count": count, "user_expressions": {}, "payload": []}
        reply = {"msg_type": request.reply_type}
        request.reply = Message(request.channel, reply, {"status": "ok", **content})
        self._finish(request)

    async def _send_comms(self, requests: list[Request]) -> None:
        for request in requests:
            self._requests.add(request)
        try:
            await self._send(requests)
        except Exception as error:
            self.log.exception("comm messages failed")
            self._fail_all(requests, _internal(error))

    def _begin(self, request: Request) -> None:
        self._requests.add(request)
        if not request.is_comm:  # of which the session says when it begins
            self._front.busy(request)

    def _abort(self, request: Request) -> None:
        """A cell before it in the queue failed."""
        self._front.busy(request)
        aborted = {"status": "aborted"}
        reply = Message("shell", {"msg_type": "execute_reply"}, aborted)
        self._front.reply(request, replace(reply, metadata=reply_metadata(aborted)))
        self._front.idle(request)

    def _drop(self, cell: Request, error: SessionKernelError) -> None:
        """End a cell that has not left its lane."""
        self._begin(cell)
        self._fail(cell, error)

    async def _send(self, requests: list[Request]) -> None:
        """Failure, and being cancelled by an interrupt, end the requests."""

        def on_boot(boot: str) -> None:
            for request in requests:
                request.boot, request.boot_over = boot, None

        try:
            await self._comms.done(max(request.comms_before for request in requests))
            for request in requests:
                self._messages.counts.hand_over(request)
            await self._notebook.send([request.for_session for request in requests], on_boot)
        except asyncio.CancelledError:
            self._fail_all(requests, not_sent())
        except PoolUnreachable as error:
            self._fail_unsent(requests, _unknown(error) if error.sent else error)
        except SessionKernelError as error:
            self._fail_unsent(requests, error)
        except Exception as error:
            self.log.exception("sending failed")
            self._fail_unsent(requests, _internal(error))
        else:
            for request in requests:
                request.sent.set()
                if request.boot_over is not None:
                    self._fail(request, request.boot_over)
                    if request.is_execute:
                        self._notebook.told(request.boot)
        finally:
            for request in requests:
                self._sending.pop(request.msg_id, None)

    def _fail_unsent(self, requests: list[Request], error: SessionKernelError) -> None:
        """What the session has begun to answer has arrived there; its reader tells how it ends."""
        unsent = [request for request in requests if not request.sent.is_set()]
        self._fail_all(unsent, error)
        for request in requests:
            if request.is_execute and request not in unsent:
                self._notebook.not_told(request.boot)

    def _fail_all(self, requests: list[Request], error: SessionKernelError) -> None:
        for request in requests:
            self._fail(request, error)

    def _finish(self, request: Request) -> None:
        """Everything the session had to say has been published.

        An error aborts the cells that have come by now, and none that is sent after its reply.
        """
        self._requests.remove(request)
        try:
            if request.stops_queue:
                self.shell_stream.flush()  # type: ignore[union-attr]
                self._lanes.abort_cells_behind(request)
            if request.reply is not None:
                self._reply(request, request.reply)
            self._front.idle(request)
        finally:
            request.over.set()

    def _reply(self, request: Request, reply: Message) -> None:
        try:
            self._front.reply(request, reply)
        except Exception as error:
            self.log.warning("a %.40s can't be passed on", reply.msg_type, exc_info=error)
            self._answer(request, reply_missing(not_passed_on(reply, error)))
            if request.reply is not None:
                self._front.reply(request, request.reply)

    def _fail(self, request: Request, error: SessionKernelError) -> None:
        """End a request that the session can't (or can't any longer) answer."""
        if request.over.is_set():
            return
        sending = self._sending.pop(request.msg_id, None)
        if sending is not None and sending is not asyncio.current_task():
            sending.cancel()
        self._answer(request, error)
        self._finish(request)

    def _answer(self, request: Request, error: SessionKernelError) -> None:
        """The ``error`` output and the reply carry the same three fields (design, rule 6)."""
        content = {"status": "error", **error.as_content()}
        if request.is_execute:
            content |= self._publish_error(request, error)
        if request.message.msg_type == "debug_request":
            content |= _debugger_failure(request.message.content, error)
        if request.is_comm:
            if str(error) != self._undelivered:  # widgets send many of them
                self.log.warning("a %s was not delivered: %s", request.message.msg_type, error)
            self._undelivered = str(error)
            self._front.busy(request)
        if request.message.msg_type.endswith("_request"):
            request.reply = Message(request.channel, {"msg_type": request.reply_type}, content)

    def _publish_error(self, request: Request, error: SessionKernelError) -> dict[str, Any]:
        """The outputs of a cell that failed here; what its reply has besides the error."""
        count = self._messages.counts.of(request)
        header, asked = request.message.header, request.message.content
        if not asked.get("silent"):
            if not request.input_published:
                shown = {"code": asked.get("code", ""), "execution_count": count}
                self._front.publish("execute_input", shown, header)
            self._front.publish("error", error.as_content(), header)
        return {"execution_count": count, "user_expressions": {}, "payload": []}

    # -- input() ----------------------------------------------------------------------------------

    def _on_stdin(self, frames: list[bytes]) -> None:
        request = self._front.read("stdin", frames)
        if request is not None and request.message.msg_type == "input_reply":
            self._answer_input(request.message)

    def _answer_input(self, message: Message) -> None:
        if len(self._inputs) >= MOST_ANSWERS:
            self.log.warning("a session asks without waiting for its answers; one was not sent")
            return
        answer = self._own(self._send_input(message))
        self._inputs.add(answer)
        answer.add_done_callback(self._inputs.discard)

    async def _send_input(self, message: Message) -> None:
        try:
            await self._notebook.send([message], lambda boot: None)
        except SessionKernelError as error:
            self.log.warning("an answer to input() was not delivered: %s", error)
            if isinstance(error, PoolError | CredentialError):  # else its boot's end tells
                for cell in [cell for cell in self._requests.running_cells() if cell.has_asked]:
                    self._fail(cell, _no_answer(error))

    # -- interrupt and shutdown -------------------------------------------------------------------

    async def _answer_interrupt(self, request: Request) -> None:
        """The reply goes out at once; the ladder goes on until what runs is over."""
        self._front.busy(request)
        for work in self._ladder.climb():
            self._own(work)
        self._front.reply(request, {"status": "ok"})
        self._front.idle(request)

    async def _answer_here(self, request: Request) -> None:
        """Shutdown and connect are the base class's; it answers the parent that is set."""
        control = request.channel == "control"
        raw = {"header": request.message.header, "content": request.message.content}
        self.set_parent(request.idents, raw, channel=request.channel)  # type: ignore[no-untyped-call]
        self._front.busy(request)
        handlers = self.control_handlers if control else self.shell_handlers
        stream = self.control_stream if control else self.shell_stream
        await handlers[request.message.msg_type](stream, request.idents, raw)
        self._front.idle(request)

    async def do_shutdown(self, restart: bool) -> dict[str, Any]:
        """Called by ``shutdown_request``; jupyter_client allows 2.5 s before SIGTERM."""
        try:
            await self.close_session(restart=restart)
        except Exception:
            self.log.exception("the session could not be closed; its lease stays for the reaper")
        return {"status": "ok", "restart": restart}

    async def close_session(self, *, restart: bool = False) -> None:
        waited_s = await self._let_interrupted_cells_end()
        for request in self._requests:
            self._fail(request, Interrupted("The kernel was shut down while this cell ran."))
        await self._notebook.close(restart=restart, spent_s=waited_s)

    async def _let_interrupted_cells_end(self) -> float:
        """Their own KeyboardInterrupt says where they hung. At most ``LAST_WORDS_S`` from the
        interrupt; how long it took, in seconds.
        """
        began_at = time.monotonic()
        for cell in self._requests.running_cells():
            if cell.interrupted_at is not None:
                for waiting in self._lanes.take_cells_behind(cell):
                    self._drop(waiting, shut_down_before())
                with contextlib.suppress(asyncio.TimeoutError):
                    left_s = cell.interrupted_at + LAST_WORDS_S - time.monotonic()
                    await within(cell.over.wait(), max(0.0, left_s))
        return time.monotonic() - began_at

    async def end(self) -> None:
        """SIGTERM, or the parent's end; a shutdown that was asked for meanwhile is answered."""
        await self.close_session()
        if self._answering:
            await asyncio.wait(self._answering, timeout=ANSWER_S)

    def _process_children(self) -> list[Any]:
        """Those that ipykernel ends at a shutdown: no user's code has started any here, and what
        was started to finish a stop (``session/handover.py``) must live on.
        """
        return []

    # -- kernel_info ------------------------------------------------------------------------------

    async def _answer_kernel_info(self, request: Request) -> None:
        hello = await self._notebook.opened(START_BUDGET_S)
        reply = {"msg_type": request.reply_type}
        request.reply = Message(request.channel, reply, kernel_info(hello))
        self._finish(request)


def _debugger_failure(asked: dict[str, Any], error: SessionKernelError) -> dict[str, Any]:
    """What a debugger's front end looks at: a response of the Debug Adapter Protocol."""
    return {
        "type": "response",
        "success": False,
        "command": asked.get("command", ""),
        "request_seq": asked.get("seq", 0),
        "message": str(error),
    }


def _internal(error: Exception) -> InternalError:
    return InternalError(
        f"This kernel failed ({type(error).__name__}) while it handled the cell.",
        cause="A fault of the kernel, not of your code; whether the cell ran is not known.",
        fix="The kernel's log, in the terminal of Jupyter, has the details. Please report it.",
    )


def _no_answer(error: PoolError | CredentialError) -> SessionKernelError:
    return type(error)(
        f"The answer to input() did not reach the session: {error.what}",
        cause=error.cause,
        fix="Restart the kernel (Kernel > Restart Kernel): the session still waits for the answer.",
    )


def _unknown(error: PoolUnreachable) -> ExecutionUnknown:
    return ExecutionUnknown(
        "The connection broke while this cell was sent, so it is not known whether it ran.",
        cause=error.what,
        fix="Look at the variables it sets before you run it again.",
    )
