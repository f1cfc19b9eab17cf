"""One boot: one life of the interpreter, its ZeroMQ channels and its message log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ..common.owned_tasks import OwnedTasks
from ..common.within import within
from ..wire import (
    REACTIONS,
    EndReason,
    InterruptOutcome,
    Message,
    Reaction,
    WireError,
    word,
)
from ..wire.composed import reply, status
from ..wire.json_text import dump_plain
from ..wire.messages import ContentUnreadable
from ..wire.zmq_messages import decode_frames, encode_frames, parent_id_of
from . import (
    ENVIRONMENT_REPLY,
    ENVIRONMENT_REQUEST,
    IN_USE_REPLY,
    IN_USE_REQUEST,
    REACTION_REPLY,
    REACTION_REQUEST,
)
from .azure_requests import ApartRequests
from .channels import Channels
from .death import Death, cause_of_death, oom_kills
from .held_cells import HeldCells
from .interpreter_process import InterpreterProcess
from .launched import Launched, environment
from .log.message_log import MessageLog
from .read_ahead import ReadAhead
from .running import RunningRequests

log = logging.getLogger(__name__)

#: The interpreter is asked for its kernel_info until it answers and IOPub is connected.
START_LIMIT_S: Final = 60.0
ASK_AGAIN_S: Final = 1.0
_OWN_ID: Final = "adapter-"
#: How long the interpreter may take to set its environment variables.
ENVIRONMENT_S: Final = 5.0
#: How long it may take to say what its main thread does, which itself looks for 0.4 s. Where a call
#: keeps the interpreter lock, no thread can say anything.
REACTION_S: Final = 0.7
#: How long it may take to say which modules are in use.
IN_USE_S: Final = 2.0
HISTORY: Final = "--HistoryManager."
#: A repeat comes seconds after the first; so many ids are remembered.
_REMEMBERED_IDS: Final = 100_000


class Boot:
    """A running interpreter. ``start`` it, ``deliver`` messages, read its ``log``.

    :param directory: where the connection file and the ipc sockets go (mode 0700).
    :param arguments: of the interpreter's command line.
    :param on_death: called once, when the interpreter's process has ended by itself.
    :param python: the program that runs it.
    :param folder: of ``workdir``, in which it works.
    :param launched: its process, if it runs already.
    """

    def __init__(
        self,
        directory: Path,
        workdir: Path,
        on_death: Callable[[Boot], None],
        arguments: tuple[str, ...] = (),
        python: str = sys.executable,
        folder: str = "",
        launched: Launched | None = None,
    ) -> None:
        self.folder, self._workdir = folder, workdir
        self.id = "b-" + secrets.token_hex(12)
        self.log = MessageLog()
        self.info: dict[str, Any] = {}
        self.apart = ApartRequests()
        self.running = RunningRequests(
            lambda: self._process.interrupt(), lambda: self._process.ignores_interrupts
        )
        self.death: Death | None = None
        self.was_used = False
        """Whether it got anything to run."""
        self.held = HeldCells(self._hand_over, self._answer_aborted)
        #: And whether each has been answered.
        self._delivered: dict[str, bool] = {}
        #: Of those, requests on the shell channel that have neither a reply nor an idle.
        self._unanswered: set[str] = set()
        self._environment: dict[str, str] = {}
        self._environment_set = asyncio.Event()
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._ahead = ReadAhead(
            lambda: self._answer_to(IN_USE_REQUEST, IN_USE_S),
            lambda: self._workdir / self.folder,
            environment,
            python,
        )
        self._arguments = arguments
        where = workdir / folder
        given = directory, where, self.id, arguments, python, launched
        self._process = InterpreterProcess(*given)
        self._session = self._process.session
        self._session.pack = dump_plain
        self._on_death = on_death
        self._channels: Channels | None = None
        self._tasks = OwnedTasks(log)
        self._ready = asyncio.Event()
        #: It answers on both channels, or never will.
        self._answered = asyncio.Event()
        self._iopub_seen = False
        self._oom_kills_before = oom_kills()
        self._heard_at = 0.0

    # -- life -------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        return self._ready.is_set()

    @property
    def state(self) -> str:
        if not self.ready:
            return "starting"
        return "busy" if self.running else "idle"

    async def start(self) -> None:
        """Start the process and wait until it answers.

        :raises RuntimeError: it could not be started, or died before it answered.
        """
        await self._process.start()
        self._tasks.start(self._watch())
        try:
            await within(self._wait_for_info(), START_LIMIT_S)
        except asyncio.TimeoutError:
            limit = f"it did not answer within {START_LIMIT_S:.0f} s."
            raise RuntimeError(limit + self._process.last_words()) from None
        if self.death is not None:
            raise RuntimeError(self.death.cause + self._process.last_words())
        self._ready.set()

    async def _wait_for_info(self) -> None:
        """Ask until the reply is here and IOPub is known to be connected, or it has died."""
        sockets, log = await self._process.connect(), self.log
        self._channels = Channels(
            sockets, self._take_frames, lambda: log.is_full, log.room, self._comes_early
        )
        while not self._answered.is_set():
            self._ask("shell", "kernel_info_request", {})
            with contextlib.suppress(asyncio.TimeoutError):
                await within(self._answered.wait(), ASK_AGAIN_S)

    async def end(self, reason: EndReason, cause: str) -> None:
        """Kill the process if it lives, read what it still had to say, close the log."""
        await self._ahead.end()
        await self._process.kill()
        self.log.take_all()
        await self._drain()
        self.apart.end()
        await self._tasks.aclose()
        if self._channels is not None:
            await self._channels.close()
        self._process.clean_up()
        self.log.end(reason, cause)

    async def set_environment(self, env: dict[str, str]) -> bool:
        """Environment variables of the running interpreter, in place of those set before.

        False when it has not set them within ``ENVIRONMENT_S`` seconds and is idle. One that is
        busy gets to it when its code lets go of the interpreter lock, before the next cell.
        """
        if env == self._environment:
            return True
        if not await self._asked_to_set({"env": env}):
            return bool(self.running)
        self._environment = env
        return True

    @property
    def is_fresh(self) -> bool:
        """Nothing has run in it."""
        return not self._delivered and not self.running and not self.running.execution_count

    async def take_arguments(self, arguments: tuple[str, ...]) -> bool:
        """Whether it has these now. Without a new start it takes those about its history, which
        nbclient gives to every kernel.
        """
        if arguments == self._arguments:
            return True
        if self._arguments or not all(one.startswith(HISTORY) for one in arguments):
            return False
        if not await self._asked_to_set({"env": self._environment, "arguments": arguments}):
            return False
        self._arguments = arguments
        return True

    async def take_folder(self, folder: str) -> bool:
        """Whether it works in this one now. Without a new start, for nothing has run in it."""
        if folder == self.folder:
            return True
        there = str(self._workdir / folder)
        if not await self._asked_to_set({"env": self._environment, "folder": there}):
            return False
        self.folder = folder
        return True

    async def _asked_to_set(self, content: dict[str, Any]) -> bool:
        self._environment_set.clear()
        self._ask("control", ENVIRONMENT_REQUEST, content)
        try:
            await within(self._environment_set.wait(), ENVIRONMENT_S)
        except asyncio.TimeoutError:
            return False
        return True

    async def reaction(self, msg_id: str | None) -> Reaction:
        """Of a request to the interrupt before: ``MainThread.reaction``.

        :param msg_id: None for whatever runs.
        """
        has_started = self.running.has_started(msg_id)
        if not has_started:
            return "handled" if has_started is None else "none"
        answer = await self._answer_to(REACTION_REQUEST, REACTION_S)
        return "none" if answer is None else word(answer.get("reaction"), REACTIONS, "unknown")

    async def _answer_to(self, msg_type: str, limit_s: float) -> dict[str, Any] | None:
        """What the interpreter's control thread says; None when it does not in time."""
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        msg_id = self._ask("control", msg_type, {})
        self._asked[msg_id] = answer
        try:
            return await within(answer, limit_s)
        except asyncio.TimeoutError:
            return None
        finally:
            del self._asked[msg_id]

    async def ask_to_exit(self, limit_s: float) -> None:
        """Let the interpreter run its atexit handlers, for at most ``limit_s`` seconds."""
        self._ask("control", "shutdown_request", {"restart": True})
        if self._process.exists:
            with contextlib.suppress(asyncio.TimeoutError):
                await within(self._process.wait(), limit_s)

    async def _drain(self) -> None:
        """A dead process's last messages are still in the sockets: wait until they stop coming."""
        start = time.monotonic()
        while True:
            await asyncio.sleep(0.03)
            now = time.monotonic()
            holds = self._channels is not None and self._channels.holds
            if now - max(start, self._heard_at) > 0.05 and not holds:
                return

    async def _watch(self) -> None:
        code = await self._process.wait()
        self.death = cause_of_death(code, oom_kills() - self._oom_kills_before)
        self._answered.set()
        self._on_death(self)

    # -- messages in ------------------------------------------------------------------------------

    def deliver(self, messages: list[Message]) -> tuple[list[str], list[str]]:
        """Send to the interpreter what was not delivered before, each cell in its turn.

        :returns: the ``msg_id`` of those that were delivered now, and of the repeats.
        :raises WireError: one of them can't be sent. Nothing was done.
        """
        new = {m.msg_id: m for m in reversed(messages) if m.msg_id not in self._delivered}
        self.held.check(reversed(new.values()))
        frames = {msg_id: self._frames(message) for msg_id, message in new.items()}
        accepted: list[str] = []
        repeated: list[str] = []
        for msg_id in (message.msg_id for message in messages):
            if msg_id in self._delivered:
                repeated.append(msg_id)
                continue
            self.was_used = True
            self._remember(msg_id)
            if _on_main_thread(new[msg_id]):
                self.held.add(new[msg_id], frames[msg_id])
            else:
                self.held.note_control(new[msg_id])
                self._hand_over(new[msg_id], frames[msg_id])
            accepted.append(msg_id)
        return accepted, repeated

    def _hand_over(self, message: Message, frames: list[bytes]) -> None:
        if _has_an_end(message):
            self._ahead.on_work(from_a_person=bool(message.content.get("allow_stdin")))
            self.running.add(message.msg_id, main_thread=_on_main_thread(message))
            if message.channel == "shell" and message.msg_type.endswith("_request"):
                self._unanswered.add(message.msg_id)
        self._send_frames(message.channel, frames)

    def _answer_aborted(self, message: Message) -> None:
        """As ipykernel does, but for the metadata and *busy*, which the kernel sees to."""
        self.log.append(reply(message, {"status": "aborted"}))
        self.log.append(status(message, "idle"))

    async def interrupt(self, msg_id: str | None) -> InterruptOutcome:
        """SIGINT for a request, or for the cell of its burst that has come to run meanwhile.

        :param msg_id: None for whatever runs, or is next to.
        """
        return await self.running.interrupt(msg_id and self.held.in_place_of(msg_id))

    def _remember(self, msg_id: str) -> None:
        self._delivered[msg_id] = False
        if len(self._delivered) > _REMEMBERED_IDS:
            del self._delivered[next(iter(self._delivered))]

    def _frames(self, message: Message) -> list[bytes]:
        try:
            header, parent = dump_plain(message.header), dump_plain(message.parent_header)
            content, buffers = message.content, message.buffers
            return encode_frames(self._session, header, parent, message.metadata, content, buffers)
        except (TypeError, ValueError, RecursionError) as error:
            raise WireError(f"a message that can't be sent: {type(error).__name__}") from error

    def _ask(self, channel: str, msg_type: str, content: dict[str, Any]) -> str:
        """A request of the adapter's own; its ``msg_id``. What it brings about stays here, see
        ``_take``.
        """
        msg_id = _OWN_ID + secrets.token_hex(8)
        self._send_raw(Message(channel, self._header(msg_type, msg_id), content))
        return msg_id

    def _header(self, msg_type: str, msg_id: str) -> dict[str, Any]:
        header = self._session.msg_header(msg_type)
        return {**header, "msg_id": msg_id, "date": header["date"].isoformat()}

    def _send_raw(self, message: Message) -> None:
        self._send_frames(message.channel, self._frames(message))

    def _send_frames(self, channel: str, frames: list[bytes]) -> None:
        assert self._channels is not None, "not started"  # noqa: S101
        self._channels.send(channel, frames)

    def run_apart(
        self,
        content: dict[str, Any],
        take: Callable[[Message], None],
        ended: Callable[[], None],
    ) -> str:
        """Send an execute request that is kept apart, see ``ApartRequests.add``."""
        msg_id = self.apart.add(take, ended)
        self.was_used = True
        self._send_raw(Message("shell", self._header("execute_request", msg_id), content))
        self.running.add(msg_id)
        self._unanswered.add(msg_id)
        return msg_id

    def answer_input(self, request: Message, value: str) -> None:
        header = self._header("input_reply", secrets.token_hex(16))
        self._send_raw(Message("stdin", header, {"value": value}, request.header))

    # -- messages out -----------------------------------------------------------------------------

    def _take_frames(self, channel: str, frames: list[bytes]) -> None:
        """Whatever the user's process sends, the channel must not fall silent."""
        self._heard_at = time.monotonic()
        try:
            most, verify = self.log.most_bytes, not self._process.private
            _, message = decode_frames(self._session, channel, frames, most, verify=verify)
        except ContentUnreadable as error:
            self._take_unreadable(error.message, frames, str(error))
            return
        except WireError as error:
            log.warning("dropped what is no message on %s: %s", channel, error)
            return
        try:
            self._take(message)
        except Exception as error:
            log.exception("a %s message of type %.40s can't be kept", channel, message.msg_type)
            self._take_unreadable(message, frames, type(error).__name__)

    def _take_unreadable(self, message: Message, frames: list[bytes], reason: str) -> None:
        """It is named in the log. One kept apart is without its content."""
        if message.channel == "shell":
            self._unanswered.discard(message.parent_id)
        if not self.apart.take(replace(message, content={})) and self._is_awaited(message):
            self.log.append_missing(message, sum(map(len, frames)), reason)
            self.held.follow(replace(message, content={}))

    def _take(self, message: Message) -> None:
        if message.channel == "iopub":
            self._iopub_seen = True
            self._note_answered()
        if message.parent_id.startswith(_OWN_ID):
            if message.msg_type == "kernel_info_reply":
                self.info = dict(message.content)
                self._note_answered()
            if message.msg_type == ENVIRONMENT_REPLY:
                self._environment_set.set()
            if message.msg_type in (REACTION_REPLY, IN_USE_REPLY):
                self._take_answer(message)
            return
        self._follow(message)
        if self.apart.take(message):
            return
        if message.msg_type in ("iopub_welcome", "shutdown_reply"):
            return
        if not self._is_awaited(message):
            return
        awaits_idle = message.msg_type.endswith("_reply") and message.parent_id in self.running
        self.log.append(message, idle_follows=awaits_idle)
        self.held.follow(message)

    def _is_awaited(self, message: Message) -> bool:
        """A request has one answer, which the log keeps whatever comes. Others, which the user's
        code can make, are for nobody and would fill it without end.
        """
        if message.channel not in ("shell", "control"):
            return True
        request = message.parent_id
        # A long cell may have been forgotten, for comm messages count as well.
        answered = self._delivered.get(request, request not in self.running)
        if answered:
            log.debug("dropped a %.40s that nobody waits for", message.msg_type)
        else:
            self._delivered[request] = True
        return not answered

    def _note_answered(self) -> None:
        if self.info and self._iopub_seen:
            self._answered.set()

    def _take_answer(self, message: Message) -> None:
        answer = self._asked.get(message.parent_id)
        if answer is not None and not answer.done():
            answer.set_result(dict(message.content))

    def _comes_early(self, channel: str, frames: list[bytes]) -> bool:
        """It is a reply, or an idle, of a request of which neither has been taken."""
        if channel == "iopub" and not (len(frames[-1]) < 100 and b"idle" in frames[-1]):
            return False
        return parent_id_of(frames) in self._unanswered

    def _follow(self, message: Message) -> None:
        self.running.follow(message)
        if message.msg_type.endswith("_reply") or message.parent_id not in self.running:
            self._unanswered.discard(message.parent_id)
        if message.msg_type == "status" and not self.running:
            self._ahead.on_idle()


def _has_an_end(message: Message) -> bool:
    """Its idle; an ``input_reply`` has none."""
    return message.msg_type.endswith("_request") or message.msg_type.startswith("comm_")


def _on_main_thread(message: Message) -> bool:
    """The control channel and each subshell have a thread of their own."""
    return message.channel == "shell" and message.header.get("subshell_id") is None
