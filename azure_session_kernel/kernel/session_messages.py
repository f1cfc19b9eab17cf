"""What a session sends, published under the request it belongs to."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from ..common.errors import SessionKernelError
from ..session.loss_errors import no_reply, not_answered
from ..wire import RECEIVABLE, Gap, Hello, Message, Oversized
from ..wire.composed import answer, output
from ..wire.json_text import is_whole
from .ahead import CellsAhead
from .execution_counts import Counts
from .front_end import FrontEnd
from .last_outputs import ShownLast
from .request_states import Event, State
from .requests import AnswersInput, EndsRequests, Request, RequestTable
from .too_large_outputs import not_passed_on, reply_missing, sentence, something_missing

log = logging.getLogger(__name__)

#: How much later than its idle a reply may come: they travel on different sockets.
REPLY_GRACE_S: Final = 5.0
#: The same for what has been interrupted, which has no reply as a rule.
INTERRUPTED_GRACE_S: Final = 0.2
#: As an answer, ipykernel makes an ``EOFError`` of it.
_END_OF_FILE: Final = "\x04"


class SessionMessages:
    """The ``SessionEvents`` (see ``session/session.py``) of a kernel.

    :ivar counts: the cells' numbers.
    :ivar last: the outputs that ``%session last`` shows.
    """

    def __init__(
        self,
        front: FrontEnd,
        requests: RequestTable,
        counts: Counts,
        ends: EndsRequests,
        inputs: AnswersInput,
        ahead: CellsAhead,
    ) -> None:
        self.counts = counts
        self.last = ShownLast()
        self._front, self._requests = front, requests
        self._ends, self._inputs, self._ahead = ends, inputs, ahead

    def on_hello(self, hello: Hello) -> None:
        self.counts.on_hello(hello.boot, hello.execution_count)
        others = [msg_id for msg_id in hello.running if self._requests.find(msg_id) is None]
        self._requests.strays.found(hello.boot, others)

    def on_message(self, message: Message) -> None:
        request = self._requests.get(message.parent_id)
        if request is not None:
            self._has_started(request)  # even if the answer to its sending was lost
            self._ends.say_busy(request)
        match message.channel, message.msg_type:
            case _, "status":
                state = message.content.get("execution_state")
                if request is not None and state == "busy":
                    # Only the session knows when it comes to a comm message, and what is behind it,
                    # and when a cell's busy is to be said again. Its first one has been said here.
                    if request.says_busy_itself or request.busy:
                        self._idle_before(request)
                        self._front.busy(request)
                    request.busy = True
                if state == "idle":
                    self._requests.strays.ended(message.parent_id)
                if request is not None and state == "idle":
                    request.on(Event.IDLE)
                    self._finish_if_complete(request)
                    if not request.over.is_set():
                        self._fail_soon(request)
            case (("shell" | "control"), _):
                if request is not None:
                    request.reply = message
                    self._finish_if_complete(request)
            case "stdin", _:
                if request is not None:
                    self._ask(request, message)
            case _:
                if message.msg_type != "execute_input":
                    self._has_spoken(message.parent_id)
                self._publish(request, message)

    def _idle_before(self, request: Request) -> None:
        """What was before it there is idle, though its reply may still be on a longer way."""
        for one in self._requests if request.on_main_thread else ():
            if one.state is State.IDLE and one is not request and one.on_main_thread:
                self._ends.say_idle(one)

    def _has_started(self, request: Request) -> None:
        if not (request.started or request.is_comm) and request.on_main_thread:
            # One at a time: what ran there is over, and a comm message beside a cell is no proof.
            self._requests.strays.none_in(request.boot)
        request.on(Event.HEARD)

    def _has_spoken(self, msg_id: str) -> None:
        one = self._requests.get(msg_id) or self._requests.strays.get(msg_id)
        if one is not None:
            one.spoke = True

    def _fail_soon(self, request: Request) -> None:
        """ipykernel sends no reply to a type of request that it doesn't know on this channel, nor
        when the request lacks a field, nor to a completion, say, that was interrupted.
        """
        loop = asyncio.get_running_loop()
        if request.reply_type not in RECEIVABLE.get(request.channel, ()):
            self._ends.fail(request, no_reply())
        elif request.signalled_at is not None and not request.is_execute:
            loop.call_later(INTERRUPTED_GRACE_S, self._ends.fail, request, not_answered())
        else:
            loop.call_later(REPLY_GRACE_S, self._ends.fail, request, no_reply())

    def _ask(self, request: Request, question: Message) -> None:
        """The front end; or the lines that ``%%stdin`` gave, as if they were a file's."""
        request.has_asked = request.spoke = True
        if request.lines is None:
            try:
                self._front.ask(request, question.content)
            except Exception as error:
                self._show(sentence(_not_passed_on(question, error)), question.parent_header)
                self._inputs.answer_input(answer(question, _END_OF_FILE))
            return
        prompt = question.content.get("prompt")
        if prompt and not question.content.get("password"):
            shown = {"name": "stdout", "text": str(prompt)}
            self._publish(request, output(request.message, "stream", shown))
        line = request.lines.popleft() if request.lines else _END_OF_FILE
        self._inputs.answer_input(answer(question, line))

    def _finish_if_complete(self, request: Request) -> None:
        if request.complete:
            self._ends.finish(request)

    def _publish(self, request: Request | None, message: Message) -> None:
        if message.msg_type == "execute_input":
            count = message.content.get("execution_count")
            if is_whole(count):
                self.counts.heard(request, count)
            if request is not None:
                request.input_published = True
                if request.rest is not None:
                    return  # the whole cell was shown when its magic began
        header = self._requests.header(message.parent_id)
        self.last.add(message, header)
        if message.msg_type == "error" and message.parent_id in self._requests.strays:
            return  # it was ended here with an error of its own
        if header is None and message.parent_header:
            log.debug("dropped a %s message of another kernel's cell", message.msg_type)
            return
        try:
            self._front.pass_on(message, header)
        except Exception as error:
            self._on_oversized(_not_passed_on(message, error))

    async def drained(self) -> None:
        await self._front.drained()

    def on_gap(self, gap: Gap | Oversized) -> None:
        """The session could not keep, or send, all it has. Silence would be a lie about it."""
        if isinstance(gap, Oversized):
            self._on_oversized(gap)
        else:
            text = f"[{gap.missing_chars} characters of {gap.name[:40]} are missing here]"
            self._show(text, gap.parent_header)

    def _on_oversized(self, missing: Oversized) -> None:
        if not missing.channel:
            for waiting in self._requests:
                if waiting.sent.is_set():
                    self._ends.fail(waiting, something_missing(missing))
                elif waiting.boot:  # it may be there: whether it is, its sending tells
                    waiting.doomed = something_missing(missing)
            return
        request = self._requests.get(str(missing.parent_header.get("msg_id", "")))
        if request is not None:
            request.on(Event.ARRIVED)
        if missing.channel not in ("shell", "control"):
            self._show(sentence(missing), missing.parent_header)
        elif request is not None and request.reply is None:
            self._ends.answer(request, reply_missing(missing))
            self._finish_if_complete(request)

    def _show(self, text: str, parent_header: dict[str, Any]) -> None:
        msg_id = str(parent_header.get("msg_id", ""))
        header, request = self._requests.header(msg_id), self._requests.get(msg_id)
        if request is not None:
            self._ends.say_busy(request)
        if header is not None:
            content = {"data": {"text/plain": text}, "metadata": {}, "transient": {}}
            self._front.publish("display_data", content, header)

    def on_boot_over(self, boot: str, error: SessionKernelError, *, complete: bool) -> bool:
        self._requests.strays.none_in(boot)
        self._ahead.on_boot_over(boot, error, complete=complete)
        requests = self._requests.sent_to(boot)
        arrived = [request for request in requests if request.sent.is_set()]
        for request in requests:
            # One that is still being sent did not run if it is refused, which its sending tells.
            request.boot_over = error
        for request in arrived:
            self._ends.fail(request, error)
        return any(request.is_execute for request in arrived)


def _not_passed_on(message: Message, error: Exception) -> Oversized:
    log.warning("a %.40s message can't be passed on", message.msg_type, exc_info=error)
    return not_passed_on(message, error)
