"""Owns the interpreter: which boot runs, who may talk to it, and what happens when it dies."""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from .. import __version__
from ..common.owned_tasks import OwnedTasks
from ..common.within import within
from ..wire import (
    FRAMES,
    MAX_READ_S,
    PIPELINING,
    PROTOCOL_VERSION,
    EndReason,
    Hello,
    Message,
    RestartReason,
)
from .boot import Boot
from .launched import Launched
from .log.message_log import MessageLog

log = logging.getLogger(__name__)

#: Logs of boots that ended, kept so that their last outputs can still be read.
KEPT_LOGS: Final = 2
#: Interpreters that die before they answer are started again this many times in a row.
START_ATTEMPTS: Final = 3
#: After so many in a row that ended by themselves without use, the next one waits for a hello.
UNUSED_BOOTS: Final = 3
#: The wait before another one is started unasked doubles from here, give or take a half.
UNUSED_WAIT_S: Final = 0.25
#: How long a restarted interpreter may take for its atexit handlers.
EXIT_GRACE_S: Final = 0.8
#: One comes with each kernel start; an older one than these is told of another boot instead.
REMEMBERED_READERS: Final = 1000
FEATURES: Final = (
    "interrupt",
    "restart",
    "comms",
    "debugger",
    "subshells",
    PIPELINING,
    FRAMES,
    "batches",
    "folder",
)


class BootMismatch(Exception):
    """The request names a boot that is not running."""


class Superseded(Exception):
    """A newer reader has claimed the session."""


class InterpreterStarting(Exception):
    """The interpreter is not ready yet."""


class InterpreterFailed(Exception):
    """The interpreter can't be started; the text says why."""


class InterpreterHost:
    """The adapter's state. All methods run on one event loop.

    :param workdir: the interpreter's working directory; created when missing.
    :param python: the program that runs it.
    :param first: an interpreter that runs already, with both.
    """

    def __init__(
        self, workdir: Path, python: str = sys.executable, first: Launched | None = None
    ) -> None:
        self._workdir, self._python, self._first = workdir, python, first
        self._boot: Boot | None = None
        self._ended: dict[str, MessageLog] = {}
        #: Boots that may have a process, whether they are starting, running or being ended.
        self._living: set[Boot] = set()
        self._reader = ""
        self._env: dict[str, str] = {}
        self._arguments: tuple[str, ...] = ()
        self._folder = ""
        self._superseded_readers: dict[str, None] = {}
        self._changed = asyncio.Condition()
        self._failure = ""
        self._unused_boots = 0
        self._tasks = OwnedTasks(log)
        self._transitions = asyncio.Lock()
        self._closing = False

    # -- life -------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to start the first interpreter; returns at once."""
        self._workdir.mkdir(parents=True, exist_ok=True)
        first = self._first
        self._directory = first.directory if first else Path(tempfile.mkdtemp(prefix="ask-"))
        self._tasks.start(self._start_boot())

    async def close(self) -> None:
        self._closing = True
        await self._tasks.aclose()
        for boot in list(self._living):
            await self._end(boot, "exited", "The session was stopped.")
        shutil.rmtree(self._directory, ignore_errors=True)

    def end_reads(self) -> None:
        """Let every reader go, so that the server can end at once."""
        for message_log in self._logs():
            message_log.end_reads()

    async def _end(self, boot: Boot, reason: EndReason, cause: str) -> None:
        """End its process; what else fails must not keep the next boot from starting."""
        try:
            await boot.end(reason, cause)
        except Exception:
            log.exception("%s did not end as it should", boot.id)
        self._living.discard(boot)

    async def _start_boot(self) -> None:
        self._failure = failure = ""
        for _ in range(START_ATTEMPTS):
            first, self._first = self._first, None
            given = self._arguments, self._python, self._usable_folder(), first
            boot = Boot(self._directory, self._workdir, self._on_death, *given)
            self._living.add(boot)
            try:
                # User code can have removed either.
                for directory in (self._directory, self._workdir):
                    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                await boot.start()
            except Exception as error:
                failure = f"The interpreter can't be started: {error}"
                log.warning("%s", failure)
                await self._end(boot, "exited", failure)
                continue
            self._boot, failure = boot, ""
            break
        async with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def _usable_folder(self) -> str:
        """The one that was asked for, unless user code has put something else in its place."""
        try:
            (self._workdir / self._folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.warning("the folder %r can't be worked in: %s", self._folder, error)
            return ""
        return self._folder

    def _on_death(self, boot: Boot) -> None:
        if boot is self._boot and boot.ready and not self._closing and boot.death is not None:
            log.warning("the interpreter of %s ended: %s", boot.id, boot.death.cause)
            self._tasks.start(self._replace(boot, boot.death.reason, boot.death.cause))

    async def _replace(self, boot: Boot, reason: EndReason, cause: str) -> None:
        """End ``boot`` and start the next one; does nothing if it has been replaced already."""
        async with self._transitions:
            if self._boot is not boot:
                return
            self._boot = None
            by_itself = boot.death is not None and reason not in ("restart", "interrupt")
            # Before its last entry is written: a reader can come back at any moment.
            self._keep_log(boot)
            if reason == "restart":
                await boot.ask_to_exit(EXIT_GRACE_S)
            await self._end(boot, reason, cause)
            if not by_itself or await self._starts_unasked(boot, cause):
                await self._start_boot()

    async def _starts_unasked(self, boot: Boot, cause: str) -> bool:
        """Not for ever, where one after another ends by itself: a start-up file can do that."""
        self._unused_boots = 0 if boot.was_used else self._unused_boots + 1
        if self._unused_boots < UNUSED_BOOTS:
            if self._unused_boots:
                longest_s = UNUSED_WAIT_S * 2**self._unused_boots
                await asyncio.sleep(random.uniform(longest_s / 2, longest_s))  # noqa: S311
            return True
        async with self._changed:
            self._failure = (
                f"The interpreter ended by itself {self._unused_boots} times in a row, before it "
                f"got anything to run. {cause} See the start-up files of IPython in the image."
            )
            log.warning("%s The next hello starts another one.", self._failure)
            self._changed.notify_all()
        return False

    def _keep_log(self, boot: Boot) -> None:
        self._ended[boot.id] = boot.log
        while len(self._ended) > KEPT_LOGS:
            self._ended.pop(next(iter(self._ended))).close()

    # -- the calls of the protocol ----------------------------------------------------------------

    async def hello(
        self,
        reader: str,
        wait_s: float,
        env: dict[str, str] | None = None,
        arguments: tuple[str, ...] | None = None,
        folder: str | None = None,
    ) -> Hello:
        """Claim the session for ``reader`` and describe the running boot.

        :param env: what becomes environment variables of the interpreter, of later ones too; None
            leaves what an earlier hello said.
        :param arguments: of the interpreter's command line, likewise; for one in which nothing has
            run yet, and for later ones.
        :param folder: of the working directory, in which the interpreter works, likewise.
        :raises Superseded: a newer reader has claimed the session already.
        :raises InterpreterStarting: not ready within ``wait_s`` seconds.
        :raises InterpreterFailed: it can't be started.
        """
        self._refuse_superseded(reader)
        if reader and reader != self._reader:
            if self._reader:
                self._supersede(self._reader)
                if self._boot is not None:
                    self._boot.held.forget()
            self._reader = reader
            for message_log in self._logs():
                message_log.supersede()
        self._env = self._env if env is None else env
        self._arguments = self._arguments if arguments is None else arguments
        self._folder = self._folder if folder is None else folder
        boot = await self._configured(await self._ready_boot(wait_s), wait_s)
        if not await boot.set_environment(self._env):
            raise InterpreterStarting
        return Hello(
            protocol=PROTOCOL_VERSION,
            adapter=__version__,
            boot=boot.id,
            state=boot.state,
            execution_count=boot.running.execution_count,
            next=boot.log.next,
            first=boot.log.first,
            info=boot.info,
            features=FEATURES,
            running=tuple(boot.running),
            folder=boot.folder,
        )

    async def _configured(self, boot: Boot, wait_s: float) -> Boot:
        """The boot with what was asked for: itself, or one in its place."""
        if not boot.is_fresh:
            return boot
        if await boot.take_folder(self._usable_folder()) and await boot.take_arguments(
            self._arguments
        ):
            return boot
        cause = "It was started again with the arguments of the kernel's command line."
        self._tasks.start(self._replace(boot, "exited", cause))
        await asyncio.sleep(0)
        return await self._ready_boot(wait_s)

    async def _ready_boot(self, wait_s: float) -> Boot:
        if self._boot is not None:
            # Python 3.10 and 3.11 don't even look when there is no time to wait.
            return self._boot
        if self._failure:
            self._failure = ""
            self._tasks.start(self._start_boot())
        async with self._changed:
            try:
                await within(
                    self._changed.wait_for(lambda: self._boot is not None or self._failure),
                    min(wait_s, MAX_READ_S),
                )
            except asyncio.TimeoutError:
                raise InterpreterStarting from None
        if self._boot is None:
            raise InterpreterFailed(self._failure)
        return self._boot

    async def running_boot(self, wait_s: float) -> Boot:
        """The boot for callers without the protocol, whoever has claimed it.

        :raises InterpreterStarting: not ready within ``wait_s``. :raises InterpreterFailed:
        """
        boot = await self._ready_boot(wait_s)
        if boot.death is not None:
            raise InterpreterStarting
        return boot

    @property
    def boot_id(self) -> str:
        """The running boot's, or nothing while none runs."""
        return "" if self._boot is None else self._boot.id

    def _logs(self) -> list[MessageLog]:
        current = [self._boot.log] if self._boot is not None else []
        return [*current, *self._ended.values()]

    def _supersede(self, reader: str) -> None:
        self._superseded_readers[reader] = None
        if len(self._superseded_readers) > REMEMBERED_READERS:
            del self._superseded_readers[next(iter(self._superseded_readers))]

    def _refuse_superseded(self, reader: str) -> None:
        if reader in self._superseded_readers:
            raise Superseded

    def _claimed(self, boot_id: str, reader: str) -> Boot:
        """The running boot, if that is the one named, by the reader that claimed it."""
        self._refuse_superseded(reader)
        if self._boot is None or self._boot.id != boot_id or reader != self._reader:
            raise BootMismatch
        return self._boot

    def refuse_unless_claimed(self, boot_id: str, reader: str) -> Boot:
        """The boot that a message can be sent to.

        :raises BootMismatch: it does not run. :raises Superseded: not the claimant.
        """
        boot = self._claimed(boot_id, reader)
        if boot.death is not None:
            raise BootMismatch
        return boot

    def send(self, boot_id: str, reader: str, messages: list[Message]) -> dict[str, Any]:
        """:raises BootMismatch: nothing was delivered. :raises Superseded: likewise."""
        boot = self.refuse_unless_claimed(boot_id, reader)
        accepted, repeated = boot.deliver(messages)
        return {"boot": boot.id, "accepted": accepted, "repeated": repeated}

    def read(
        self,
        boot_id: str,
        reader: str,
        after: int,
        wait_s: float,
        *,
        once: bool = False,
        framed: bool = False,
    ) -> AsyncIterator[bytes]:
        """:raises BootMismatch: no log of that boot. :raises Superseded: not the claimant."""
        self._refuse_superseded(reader)
        if reader != self._reader:
            raise BootMismatch  # reading also tells the log what it may forget
        if self._boot is not None and self._boot.id == boot_id:
            return self._boot.log.read(after, wait_s, once=once, framed=framed)
        if boot_id in self._ended:
            return self._ended[boot_id].read(after, wait_s, once=once, framed=framed)
        raise BootMismatch

    async def interrupt(self, boot_id: str, reader: str, msg_id: str | None) -> dict[str, Any]:
        boot = self._claimed(boot_id, reader)
        return {"boot": boot.id, "outcome": await boot.interrupt(msg_id)}

    async def reaction(self, boot_id: str, reader: str, msg_id: str | None) -> dict[str, Any]:
        """To the interrupt before."""
        boot = self._claimed(boot_id, reader)
        return {"boot": boot.id, "reaction": await boot.reaction(msg_id)}

    async def restart(
        self, boot_id: str, reader: str, reason: RestartReason, wait_s: float
    ) -> Hello:
        """A new boot in place of ``boot_id``; a repeat finds it replaced and does nothing."""
        self._refuse_superseded(reader)
        boot = self._boot
        if boot is not None and boot.id == boot_id:
            cause = (
                "The kernel was restarted."
                if reason == "restart"
                else "The cell could not be interrupted, so its interpreter was killed."
            )
            self._tasks.start(self._replace(boot, reason, cause))
            await asyncio.sleep(0)
        return await self.hello(reader, wait_s)
