"""What the kernel needs of a pool, whatever kind of pool it is.

An executor takes Jupyter messages and gives Jupyter messages. ``session/session.py`` calls it; it
calls ``ExecutorEvents`` back. Everything runs on the kernel's one event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, runtime_checkable

from ..common.errors import SessionKernelError
from ..wire import (
    BootEnded,
    Gap,
    Hello,
    InterruptOutcome,
    Message,
    Oversized,
    Reaction,
    RestartReason,
)

if TYPE_CHECKING:
    from .session_files import SessionFiles

#: Metadata of an ``execute_request``: the cell's standard input, as ``%%stdin`` gave it. Only an
#: executor whose cells get it when they start gets it.
STDIN: Final = "azure-session-kernel.stdin"
#: Where a one-shot container takes code unless it is told otherwise.
DEFAULT_EXECUTE_PATH: Final = "/python/execute"
#: What an answer about files may have: a listing with 800 bytes for each entry.
FILES_ANSWER_BYTES: Final = 8 * 1024 * 1024
NO_STDIN: Final = (
    "This pool passes no standard input on, so a cell in it can't read any. "
    "Write the values into the cell."
)


#: ``AZURE_SESSION_EXECUTOR``; ``auto`` finds out which of the others it is.
ExecutorName = Literal["auto", "adapter", "interpreter", "oneshot"]


class Stdin(Enum):
    """How a cell gets its standard input."""

    ASKS = "it asks while it runs"
    AT_START = "it gets it when it starts"
    NONE = "not at all"


class ExecutorEvents(Protocol):
    """What an executor reports, in the order in which it happened."""

    def on_message(self, message: Message) -> None:
        """A message of the running boot, numbered and checked; never twice."""

    def on_gap(self, gap: Gap | Oversized) -> None:
        """Stream text is missing here, or a message that is too large to travel."""

    async def drained(self) -> None:
        """Returns when more can be taken: what is not read yet is best kept in the session."""

    def on_boot_ended(self, boot: str, ended: BootEnded) -> None:
        """The interpreter is gone, after its last message. A new one may be starting."""

    def on_failure(self, boot: str, error: SessionKernelError) -> None:
        """No more messages of this boot can be had: the session is lost, taken or out of reach."""


@dataclass(frozen=True)
class ExecutorContext:
    """What every executor is made with, besides the pool: by whom it is used, and for what.

    :ivar busy: tells whether requests are under way, which keeps a reader reading.
    :ivar outage_s: how long the pool may be out of reach while output is awaited.
    :ivar env: environment variables of the interpreter.
    :ivar arguments: of its command line.
    :ivar folder: of the data folder, in which it works; "": the data folder itself.
    :ivar execute_path: ``AZURE_SESSION_EXECUTE_PATH``: where a one-shot container takes code.
    """

    events: ExecutorEvents
    busy: Callable[[], bool]
    outage_s: float
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    arguments: Sequence[str] = ()
    execute_path: str = DEFAULT_EXECUTE_PATH
    folder: str = ""


class Executor(Protocol):
    """One session of a pool."""

    @property
    def name(self) -> ExecutorName: ...

    @property
    def stdin(self) -> Stdin:
        """Of the pool that was started."""

    async def start(self, budget_s: float) -> Hello:
        """Allocate the session, wait for its interpreter, begin to read. Called again after loss.

        Safe to cancel. ``budget_s`` bounds the retries of what may pass (container starting,
        network); who calls it waits for a place in a full pool.

        :raises PoolFull: at once. :raises PoolError: as the pool answered.
        :raises CredentialError: no token.
        :raises SessionTaken: a newer kernel has claimed the session.
        """

    async def send(self, boot: str, messages: Sequence[Message], budget_s: float) -> None:
        """Deliver messages to the boot named, each at most once, in order.

        :raises SessionLost: that boot is gone; nothing was delivered.
        :raises SessionTaken: likewise.
        :raises PoolFull: the session has ended, and there is no place for another one.
        :raises PoolError: the pool could not be reached within ``budget_s``. Whether the messages
            were delivered is told by ``PoolUnreachable.sent``.
        """

    async def interrupt(self, boot: str, msg_id: str | None, timeout_s: float) -> InterruptOutcome:
        """SIGINT for the request ``msg_id``, or for whatever runs.

        :raises SessionError: that boot is gone, or somebody else's. :raises PoolError:
        """

    async def reaction(self, boot: str, msg_id: str | None, timeout_s: float) -> Reaction:
        """What the SIGINT before has done to the request ``msg_id``, or to whatever runs.

        :raises SessionError: that boot is gone, or somebody else's. :raises PoolError:
        """

    async def restart(self, boot: str, reason: RestartReason, timeout_s: float) -> None:
        """Begin a new boot in place of ``boot``.

        Returns once the pool has accepted it; ``start`` then waits for the new interpreter.
        """

    def files(self, boot: str) -> SessionFiles:
        """The session's files, for as long as ``boot`` runs."""

    async def read_up_to(self, n: int) -> None:
        """Wait until the log's entry number ``n`` has been handed on."""

    async def measure_latency(self, timeout_s: float) -> float:
        """How long the smallest request takes there and back, in seconds. :raises PoolError:"""

    async def session_record(self) -> dict[str, Any] | None:
        """What the pool says of the session (``PoolClient.get_session``). :raises PoolError:"""

    async def stop(self, timeout_s: float) -> bool:
        """Stop the session; True when the pool confirmed that it is gone."""

    async def aclose(self) -> None:
        """Close connections. The session lives on. Safe to call twice."""


@runtime_checkable
class Described(Protocol):
    """An executor that has something to tell of its pool, shown by ``%session``."""

    def session_rows(self) -> Sequence[tuple[str, str]]:
        """Rows of the table: a word or two, and a sentence."""
