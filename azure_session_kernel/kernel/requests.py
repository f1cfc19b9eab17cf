"""The life of one Jupyter request, from the front end's message to its reply and idle.

A request is over when its reply *and* its idle have come from the session (docs/design.md 3
"Order"). They may come in either order, because they travel on different sockets there; the front
end always gets the outputs, then the reply, then idle.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..common.errors import SessionKernelError
from ..executors.base import STDIN
from ..interpreter.history import ELSEWHERE
from ..wire import ABORTS_WAITING, AFTER, After, Message
from .magics.missing import UploadHint
from .request_states import Event, State, following
from .unawaited import Strays

if TYPE_CHECKING:
    from .waiting import Notice

#: Outputs that come late (a background thread) find the header of their cell here.
REMEMBERED: Final = 10_000

#: They have no reply: idle alone ends them.
_COMMS: Final = frozenset({"comm_open", "comm_msg", "comm_close"})


@dataclass(eq=False)
class Request:
    """One message of a front end.

    :ivar idents: ZeroMQ routing prefix of the front end.
    :ivar state: where it is in its life (``request_states.py``); ``on`` alone changes it.
    :ivar boot: the boot it was sent to, or "" before it was sent.
    :ivar boot_over: why that boot gives no more answers.
    :ivar ended_with: the error with which it was ended here, if it was.
    :ivar busy: the session has said that it works on it.
    :ivar said_idle: its idle is shown.
    :ivar says_busy_itself: busy is shown when the session says so, and not when its turn comes:
        comm messages may come before it there.
    :ivar busy_is_due: its turn has begun, and busy is not shown yet.
    :ivar interrupted_at: when that was last asked for here.
    :ivar signalled_at: of its last SIGINT: when the session confirmed that, and until then, when
        that was asked of it.
    :ivar spoke: it has printed, displayed or asked something since.
    :ivar rest: what is sent of the cell when its first line is a magic of the kernel itself.
    :ivar comms_before: how many comm messages came before it, which are sent first.
    :ivar comm_before: the last of them, until its turn comes.
    :ivar behind: the request behind which a comm message is sent (``comms.py``).
    :ivar after: the condition on which it was sent ahead of its turn (``ahead.py``).
    :ivar doomed: once it is in the session, what becomes of it can't be learned there: its error.
    :ivar expects_abort: it was sent ahead, and the session aborts it.
    :ivar has_asked: its code has called ``input()``.
    :ivar stdin: what ``%%stdin`` gives the cell when it starts.
    :ivar lines: what it gives the cell's questions, instead of asking the front end.
    :ivar if_interrupted: how it ends when it is interrupted before it is sent.
    :ivar execution_count: its number, once it has one.
    :ivar elsewhere: cells before it of which the session hears with it (``execution_counts.py``).
    :ivar hint: of what to upload, in its errors.
    :ivar notice: what its front end shows while it waits for a session (``waiting.py``).
    :ivar sent: set once the session has it. :ivar over: set once it is OVER.
    """

    message: Message
    idents: list[bytes]
    channel: str
    state: State = State.WAITING
    boot: str = ""
    boot_over: SessionKernelError | None = None
    reply: Message | None = None
    ended_with: SessionKernelError | None = None
    busy: bool = False
    said_idle: bool = False
    says_busy_itself: bool = False
    busy_is_due: bool = False
    input_published: bool = False
    comms_before: int = 0
    comm_before: Request | None = None
    interrupted_at: float | None = None
    signalled_at: float | None = None
    spoke: bool = False
    behind: Request | None = None
    after: After | None = None
    doomed: SessionKernelError | None = None
    expects_abort: bool = False
    has_asked: bool = False
    rest: str | None = None
    stdin: str | None = None
    lines: deque[str] | None = None
    if_interrupted: SessionKernelError | None = None
    execution_count: int | None = None
    elsewhere: tuple[str, ...] = ()
    hint: UploadHint = field(default_factory=UploadHint)
    notice: Notice | None = None
    sent: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def on(self, event: Event) -> None:
        """:raises IllegalTransition: it can't happen now."""
        self.state = following(self.state, event)
        if event in (Event.ARRIVED, Event.HEARD):
            self.sent.set()
        if event is Event.RETURNED:
            self.sent.clear()
        if event is Event.ENDED:
            self.over.set()

    def addressed_to(self, boot: str) -> None:
        self.on(Event.ADDRESSED)
        self.boot, self.boot_over, self.doomed = boot, None, None

    @property
    def started(self) -> bool:
        return self.state in (State.STARTED, State.IDLE)

    @property
    def has_free_way(self) -> bool:
        """What it was behind is in the session, or over."""
        return self.behind is None or self.behind.sent.is_set() or self.behind.over.is_set()

    async def is_free(self) -> None:
        """Until it has a free way."""
        while self.behind is not None and not self.has_free_way:
            waits = [
                asyncio.ensure_future(one.wait()) for one in (self.behind.sent, self.behind.over)
            ]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        self.behind = None

    @property
    def is_ahead(self) -> bool:
        """Sent, and its turn has not come."""
        return self.state in (State.AHEAD, State.AHEAD_SENT)

    @property
    def has_its_turn_to_come(self) -> bool:
        return self.is_ahead or self.state in (State.WAITING, State.ABORTED)

    @property
    def msg_id(self) -> str:
        return self.message.msg_id

    @property
    def is_execute(self) -> bool:
        return self.message.msg_type == "execute_request"

    @property
    def is_attended(self) -> bool:
        """A person waits for it: only runners (nbclient, nbgrader) take no questions."""
        return bool(self.message.content.get("allow_stdin"))

    @property
    def is_comm(self) -> bool:
        return self.message.msg_type in _COMMS

    @property
    def on_main_thread(self) -> bool:
        """Of the interpreter, which is the only one that a signal reaches."""
        return self.channel == "shell" and self.message.header.get("subshell_id") is None

    @property
    def reply_type(self) -> str:
        return self.message.msg_type.removesuffix("_request") + "_reply"

    @property
    def aborts_others(self) -> bool:
        """Its error, if it has one, aborts the cells waiting behind it (``stop_on_error``)."""
        content = self.message.content
        silent = content.get("silent", False)
        return self.is_execute and not silent and bool(content.get("stop_on_error", True))

    @property
    def stops_queue(self) -> bool:
        """It has such an error."""
        failed = self.reply is not None and self.reply.content.get("status") == "error"
        return failed and self.aborts_others

    @property
    def for_session(self) -> Message:
        """Which cells an error aborts the interpreter does not decide: a cell that was interrupted
        while the network was down ends here before it ends there, and would abort the next one. The
        lanes do, and of cells that were sent ahead, the session (``after``).
        """
        if not self.is_execute:
            return self.message
        content = {**self.message.content, "stop_on_error": False}
        if self.rest is not None:
            content["code"] = self.rest
        if self.lines is not None:
            content["allow_stdin"] = True
        metadata = self.message.metadata
        if self.stdin is not None:
            metadata = {**metadata, STDIN: self.stdin}
        if self.elsewhere:
            metadata = {**metadata, ELSEWHERE: list(self.elsewhere)}
        if self.after is not None:
            metadata = {**metadata, AFTER: self.after.as_json()}
        elif self.channel == "control" and self.aborts_others:
            metadata = {**metadata, ABORTS_WAITING: True}
        return replace(self.message, content=content, metadata=metadata)

    @property
    def complete(self) -> bool:
        """Nothing more is to come from the session."""
        return self.state is State.IDLE and (self.reply is not None or self.is_comm)


class EndsRequests(Protocol):
    """Called by whoever learns how a request ends: each ends once, whoever is first."""

    def finish(self, request: Request) -> None:
        """Everything the session had to say of it has been published: now the reply, then idle.

        Not for one that is over.
        """

    def say_busy(self, request: Request) -> None:
        """If its turn has begun, and that is not shown yet."""

    def say_idle(self, request: Request) -> None:
        """Before its reply, where the session says already what comes after it."""

    def fail(self, request: Request, error: SessionKernelError) -> None:
        """The session can't, or can't any longer, answer it. Does nothing when it is over."""

    def answer(self, request: Request, error: SessionKernelError) -> None:
        """``error`` stands for its reply, while more may come; ``finish`` follows."""

    def drop(self, cell: Request, error: SessionKernelError) -> None:
        """End a cell that has not left its lane."""


class AnswersInput(Protocol):
    """Called when a question of the session's needs an answer that no front end gives."""

    def answer_input(self, message: Message) -> None:
        """Send an ``input_reply`` to the session, in the background."""


class RequestTable:
    """The requests under way, and the headers of recent ones.

    :ivar strays: those that are under way in the session only.
    :ivar ahead: those that were sent, and whose turn has not come.
    """

    def __init__(self) -> None:
        self.strays = Strays()
        self.ahead: dict[str, Request] = {}
        self._open: dict[str, Request] = {}
        self._headers: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def add(self, request: Request) -> None:
        """Its turn has come."""
        request.on(Event.BEGUN)
        self.ahead.pop(request.msg_id, None)
        self._open[request.msg_id] = request
        self._headers[request.msg_id] = request.message.header
        while len(self._headers) > REMEMBERED:
            self._headers.popitem(last=False)

    def get(self, msg_id: str) -> Request | None:
        return self._open.get(msg_id)

    def find(self, msg_id: str) -> Request | None:
        """Also one that was sent ahead."""
        return self._open.get(msg_id) or self.ahead.get(msg_id)

    def header(self, msg_id: str) -> dict[str, Any] | None:
        """The header of a request of this kernel, under way or over; None for a stranger's."""
        request = self._open.get(msg_id)
        return request.message.header if request is not None else self._headers.get(msg_id)

    def remove(self, request: Request) -> None:
        """It is over here; in the session only if that has said so, or its boot is over."""
        self._open.pop(request.msg_id, None)
        may_run = request.boot and request.state is not State.IDLE and request.boot_over is None
        if may_run and request.on_main_thread:
            self.strays.add(request.msg_id, request.boot)

    def sent_to(self, boot: str) -> list[Request]:
        return [request for request in self._open.values() if request.boot == boot]

    def running_cells(self) -> list[Request]:
        """Execute requests that the front end waits for, oldest first."""
        return [request for request in self._open.values() if request.is_execute]

    def ahead_of_cells(self) -> list[Request]:
        """What the session has to handle before it comes to a cell: completions, comm messages."""
        sent = [one for one in self._open.values() if one.boot and one.on_main_thread]
        return list(takewhile(lambda one: not one.is_execute, sent))

    def waiting_for_a_session(self) -> list[Request]:
        """Requests other than cells that are still here, with cells behind them perhaps."""
        requests = [one for one in self._open.values() if not (one.boot or one.is_comm)]
        return [one for one in requests if one.channel == "shell" and not one.is_execute]

    def __bool__(self) -> bool:
        return bool(self._open)

    def __iter__(self) -> Iterator[Request]:
        return iter(list(self._open.values()))
