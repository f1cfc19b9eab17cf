"""The one reader of a session's message log: reconnects by number, never repeats, never skips."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Final

from ..common import freed_memory
from ..common.daemon_thread import in_daemon_thread
from ..common.errors import (
    CredentialError,
    InterpreterDied,
    PoolError,
    PoolUnreachable,
    SessionKernelError,
    SessionLost,
    SessionTaken,
    UnexpectedAnswer,
)
from ..common.within import within
from ..pool.client import PoolClient
from ..pool.retry import MAX_DELAY_S, delays, patience_s
from ..wire import (
    FRAMES,
    BootEnded,
    EndOfRead,
    Gap,
    KeepAlive,
    LineSplitter,
    LineTooLong,
    LogLine,
    LogMessage,
    Oversized,
    Superseded,
    WireError,
    decode_line,
    dump,
    receivable,
)
from .base import ExecutorContext
from .read_style import ReadStyle, Style

log = logging.getLogger(__name__)

#: Without user activity for so long the reader closes, so that the pool's cooldown can end an
#: abandoned session (docs/design.md 6).
IDLE_S: Final = 600.0
#: Acknowledge (by reading anew) after so much, so that the session can forget it.
ACKNOWLEDGE_BYTES: Final = 32 * 1024 * 1024
#: So much is taken in one turn of the event loop, which a flood must not keep from anything else.
TURN_BYTES: Final = 64 * 1024
#: A read that brought so much, or lasted so long, is followed by the next one soon.
LONG_S: Final = 1.0
MUCH_BYTES: Final = 64 * 1024
#: However short the time for an outage, its tries are so close that there is room for so many,
#: and one whose tries are slow to fail is given at least a few.
TRIES: Final = 20
LEAST_TRIES: Final = 3

#: A longer line is decoded in a thread. Python lets go of its lock between the steps of that.
BESIDE_BYTES: Final = 4 * 1024 * 1024


class Hole(WireError):
    """A log line's number does not follow the one before."""


class LogReader:
    """Reads one boot's log from ``after`` on and hands each line to the events, once, in order."""

    def __init__(
        self,
        client: PoolClient,
        context: ExecutorContext,
        *,
        boot: str,
        reader: str,
        after: int,
        framed: bool = False,
    ) -> None:
        """:param framed: the adapter sends messages as they are (``wire/frames.py``)."""
        self._client, self._events = client, context.events
        self._boot, self._reader, self._last = boot, reader, after
        self._framed = framed
        self._busy, self._outage_s = context.busy, context.outage_s
        self._active_at = time.monotonic()
        self._wake = asyncio.Event()
        self._read_bytes = 0
        self._over = self._flowed = False
        self._style = ReadStyle()
        self.connecting = False
        """Whether a read has been asked for and not a byte of it has come."""
        self._task = asyncio.create_task(self._run())

    @property
    def boot(self) -> str:
        return self._boot

    @property
    def over(self) -> bool:
        """Nothing more will come."""
        return self._task.done()

    @property
    def last(self) -> int:
        """The number of the last entry that was handed on."""
        return self._last

    def touch(self) -> None:
        """The user did something: read on, or begin to again."""
        self._active_at = time.monotonic()
        self._wake.set()

    async def aclose(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # -- the loop ---------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._read_until_over()
        except SessionKernelError as error:
            self._events.on_failure(self._boot, error)
        except Exception as error:
            log.exception("the log reader failed")
            failure = UnexpectedAnswer(f"Reading from the session failed ({type(error).__name__}).")
            self._events.on_failure(self._boot, failure)

    async def _read_until_over(self) -> None:
        """A failure other than the session's own "no" may pass: a proxy's 404, a token that is
        being renewed, a broken network. The cell goes on meanwhile, and its output is kept there.

        Reads that end at once, however they end, follow each other ever more seldom.
        """
        broken_at: float | None = None
        unreadable: PoolError | None = None
        waits, tries = delays(), 0
        while not self._over:
            await self._park_while_idle()
            seen, began_at = self._last, time.monotonic()
            self._flowed, self._read_bytes = False, 0
            failure: PoolError | CredentialError | None = None
            try:
                await self._read_once()
            except WireError as error:
                failure = unreadable = _unreadable(error)
            except PoolError as error:
                if _as_session_error(error) is not error:
                    raise _as_session_error(error) from error
                failure = error
            except CredentialError as error:
                failure = error
            brought = self._last > seen
            worth_it = self._was_worth_it(began_at, brought)
            waits = delays() if worth_it else waits
            if failure is None or brought or self._came_back(failure):
                broken_at, unreadable = None, None
            wait_s = 0.0 if failure is None and worth_it else next(waits)
            if failure is not None:
                now = time.monotonic()
                tries = tries + 1 if broken_at is not None else 1
                broken_at = broken_at if broken_at is not None else now
                outage_s = patience_s(failure, self._outage_s)
                if now - broken_at > outage_s and tries >= LEAST_TRIES:
                    raise unreadable or failure  # garbage says more than the break after it
                kind = type(failure).__name__
                log.info("the connection to the session broke (%s); reading on", kind)
                asked_s = getattr(failure, "retry_after_s", None) or 0.0
                wait_s = max(min(wait_s, outage_s / TRIES), min(asked_s, MAX_DELAY_S))
            if not self._over:
                await asyncio.sleep(wait_s)

    def _was_worth_it(self, began_at: float, brought: bool) -> bool:
        """Whether a read, which may have broken off, did more than to begin. Where a proxy holds
        answers back, it does if it ends with something new.
        """
        long = self._read_bytes > 0 and time.monotonic() - began_at > LONG_S
        return long or self._read_bytes > MUCH_BYTES or (brought and self._style.polling)

    def _came_back(self, failure: PoolError | CredentialError) -> bool:
        """A connection that is cut again and again while a cell is silent has come back each time;
        one that is always cut before a line's end brings nothing.
        """
        return self._flowed and isinstance(failure, PoolUnreachable)

    async def _park_while_idle(self) -> None:
        while not self._busy() and time.monotonic() - self._active_at > IDLE_S:
            self._wake.clear()
            await self._wake.wait()

    async def _read_once(self) -> None:
        """One read request. Returns when it ended as it should.

        :raises PoolUnreachable: it broke off, or ended without the line that ends it.
        """
        style = self._style.choose()
        async with contextlib.AsyncExitStack() as stack:
            chunk, chunks = await self._open(style, stack)
            self._read_bytes, began_at = 0, self._last
            splitter = LineSplitter()
            while chunk:
                self._read_bytes += len(chunk)
                self._flowed = False
                try:
                    taken_bytes = 0
                    for data in splitter.feed(chunk):
                        if self._take(await decoded(data)):
                            return
                        taken_bytes += len(data)
                        if taken_bytes > TURN_BYTES:
                            taken_bytes = 0
                            await asyncio.sleep(0)
                except LineTooLong as error:
                    # A read that begins behind its number neither waits for its end nor meets it.
                    self._take(without_line(error, self._last + 1))
                    return
                self._flowed = splitter.between_lines
                # Without a whole line, a new read would begin with the same bytes again.
                if self._read_bytes > ACKNOWLEDGE_BYTES and self._last > began_at:
                    return
                await self._events.drained()
                # Nothing has been read meanwhile: this takes a turn of the event loop.
                chunk = await anext(chunks, b"")
        raise PoolUnreachable("The connection to the session ended in the middle of an answer.")

    async def _open(
        self, style: Style, stack: contextlib.AsyncExitStack
    ) -> tuple[bytes, AsyncIterator[bytes]]:
        """The first chunk of a read request, and those that follow."""
        body = dump(
            {
                "boot": self._boot,
                "reader": self._reader,
                "after": self._last,
                "wait_s": style.wait_s,
                "once": style.once,
                FRAMES: self._framed,
            }
        )
        stream = self._client.stream("/jupyter/read", body=body, idle_timeout_s=style.silence_s)
        deadline = time.monotonic() + style.first_byte_s
        self.connecting = True
        try:
            chunks = await within(stack.enter_async_context(stream), style.first_byte_s)
            left_s = max(0.1, deadline - time.monotonic())
            first = await within(anext(chunks, b""), left_s)
        except (TimeoutError, asyncio.TimeoutError):
            self._style.held_back(style)
            raise _held_back(style) from None
        self.connecting = False
        self._client.open_ahead()  # for what is sent meanwhile
        self._style.flowed(style)
        return first, chunks

    def _take(self, line: LogLine) -> bool:
        """Handle one line; True when the read is over."""
        match line:
            case LogMessage(n, message):
                if self._next_number(n):
                    if receivable(message):
                        self._events.on_message(message)
                    else:
                        log.warning("dropped a message of type %.40r", message.msg_type)
            case Gap(n) | Oversized(n):
                if self._next_number(n):
                    self._events.on_gap(line)
            case BootEnded(n):
                if self._next_number(n):
                    self._over = True
                    self._events.on_boot_ended(self._boot, line)
                return True
            case Superseded():
                raise taken()
            case EndOfRead():
                return True
            case KeepAlive():
                freed_memory.give_back()
        return False

    def _next_number(self, n: int) -> bool:
        """False for a repeat. :raises Hole: something is missing before it."""
        if n <= self._last:
            return False
        if n != self._last + 1:
            raise Hole(f"number {n} after {self._last}")
        self._last = n
        return True


async def decoded(data: bytes) -> LogLine:
    """``decode_line``, beside the loop where it may take long. Cancelling it loses the line."""
    if len(data) <= BESIDE_BYTES:
        return decode_line(data)
    return await in_daemon_thread(partial(decode_line, data))


def without_line(error: LineTooLong, expected: int) -> Oversized:
    """What stands for a line that was too long to be read.

    :raises LineTooLong: it does not begin with the number ``expected``, so it may be anything.
    """
    if error.n != expected:
        raise error
    return Oversized(error.n, {}, "", "", error.limit_bytes, error.limit_bytes)


def _held_back(style: Style) -> PoolUnreachable:
    return PoolUnreachable(
        f"Not a byte of the session's output came within {style.first_byte_s:.0f} s.",
        cause="The network is down, or a proxy holds answers back until they end.",
        fix="Check the network, VPN and proxy (HTTPS_PROXY, NO_PROXY).",
    )


@contextlib.contextmanager
def session_errors() -> Iterator[None]:
    """Turn the adapter's refusals into what they mean for a cell."""
    try:
        yield
    except PoolError as error:
        meaning = _as_session_error(error)
        if meaning is error:
            raise
        raise meaning from error


def _as_session_error(error: PoolError) -> SessionKernelError:
    """The adapter's own error codes (``docs/protocol.md``, "Errors"); the rest stays as it is."""
    match error.code:
        case "BootMismatch":
            return lost()
        case "Superseded":
            return taken()
        case "InterpreterFailed":
            return _no_interpreter(error)
        case _:
            return error


def _no_interpreter(error: PoolError) -> InterpreterDied:
    """The cause from the table, and what the adapter says of it."""
    said = error.reply.message if error.reply is not None else ""
    return InterpreterDied(
        "The session's container runs, but its Python interpreter can't be started.",
        cause=" ".join(filter(None, (error.cause, said))),
        fix=error.fix
        or "Look at the container's console log; ipykernel must be installed in the image.",
    )


#: What can be said as long as nothing is known of the session that is gone.
MAY_HAVE_ENDED: Final = (
    "The pool ends a session after its cooldown without requests, or when its container fails, and "
    "gives the same identifier a new one without saying so."
)


def lost() -> SessionLost:
    error = SessionLost(
        "The session was replaced by a fresh, empty one: all variables are gone. "
        "This cell was not run.",
        cause=MAY_HAVE_ENDED,
        fix="Run the notebook again from its first cell (Run > Run All Cells).",
    )
    error.while_idle = True
    return error


def taken() -> SessionTaken:
    return SessionTaken(
        "Another kernel has taken over this session, so this one no longer works in it. "
        "The cell was not run, or its remaining output went there.",
        cause="The same notebook, or the same AZURE_SESSION_IDENTIFIER, is open in two kernels.",
        fix="Close the other kernel, then restart this one (Kernel > Restart Kernel).",
    )


def _unreadable(error: WireError) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"The session sent something that is not wire protocol v1 ({error}).",
        cause="The container runs another program or another version, or a proxy changes answers.",
        fix="Use an image with the same version of azure-session-kernel as this kernel.",
    )
