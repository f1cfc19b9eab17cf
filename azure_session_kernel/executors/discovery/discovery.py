"""Finding out what kind of pool it is, and then leaving everything to the executor for it.

What is asked, and in which order, so that at most two round trips go by before the kind is known:

1. An endpoint on ``*.dynamicsessions.io``, or with ``/sessionPools/`` in its path, is a built-in
   pool's (docs/azure.md 0). Nothing is asked.
2. ``POST /jupyter/hello``. Our adapter answers it, and its answer is the start of the session.
3. The routes of ``routes.py``, all at once.

What was found is remembered (``known_kinds.py``) and asked first the next time. Then our adapter is
looked for once more while the user goes on, since it serves the other routes, too: an image that
was replaced is noticed, and the next start uses it. ``AZURE_SESSION_EXECUTOR`` overrides all of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ...common.errors import CredentialError, PoolError
from ...pool.client import PoolClient
from ...pool.endpoints import Endpoint
from ...pool.failures import OUR_SOURCE
from ...wire import Hello, InterruptOutcome, Message, Reaction, RestartReason
from ..adapter.executor import HELLO, AdapterExecutor
from ..base import DEFAULT_EXECUTE_PATH, Described, Executor, ExecutorContext, ExecutorName, Stdin
from .known_kinds import Known, KnownKinds

if TYPE_CHECKING:
    from ..session_files import SessionFiles

log = logging.getLogger(__name__)

_POOL_PATH: Final = "/sessionpools/"
#: A call that only our adapter knows, and refuses without a boot.
_ADAPTERS_OWN: Final = "/jupyter/interrupt"
LOOKING_S: Final = 10.0


def is_builtin(endpoint: Endpoint) -> bool:
    """A built-in pool's endpoint (docs/azure.md 0)."""
    return endpoint.kind == "builtin" or _POOL_PATH in endpoint.url.lower()


def make_executor(kind: ExecutorName, client: PoolClient, context: ExecutorContext) -> Executor:
    """The executor of that name.

    Most pools need one of them: the others are not imported, since a kernel's start waits for it.
    """
    match kind:
        case "adapter":
            return AdapterExecutor(client, context)
        case "interpreter":
            from ..builtin.executor import InterpreterExecutor

            return InterpreterExecutor(client, context)
        case "oneshot":
            from ..oneshot.executor import OneShotExecutor

            _name_unused(context.arguments)
            return OneShotExecutor(client, context)
        case "auto":
            return DiscoveringExecutor(client, context)


def _name_unused(arguments: Sequence[str]) -> None:
    """Each cell is a program of its own. nbclient gives every kernel the one for the history."""
    names = [one.partition("=")[0] for one in arguments if not one.startswith("--HistoryManager.")]
    if names:
        log.warning("without effect in a pool that runs whole programs: %s", " ".join(names))


class DiscoveringExecutor:
    """An ``Executor`` (see ``executors/base.py``) that becomes another one when it is first
    started.

    :ivar reason: why it chose that one.
    """

    def __init__(
        self,
        client: PoolClient,
        context: ExecutorContext,
        *,
        known: KnownKinds | None = None,
    ) -> None:
        self._client, self._context, self._path = client, context, context.execute_path
        self._known = known or KnownKinds()
        self._chosen: Executor | None = None
        self._looking: asyncio.Task[None] | None = None
        self.reason = ""

    @property
    def name(self) -> ExecutorName:
        return self._chosen.name if self._chosen is not None else "auto"

    @property
    def stdin(self) -> Stdin:
        return self._it.stdin

    async def start(self, budget_s: float) -> Hello:
        if self._chosen is not None:
            return await self._chosen.start(budget_s)
        if is_builtin(self._client.endpoint):
            why = "the endpoint is a built-in pool's"
            return await self._started(self._make(Known("interpreter")), budget_s, why)
        known = await asyncio.to_thread(self._known.get, self._client.endpoint.url)
        if known is not None and self._may_be(known):
            hello = await self._start_known(known, budget_s)
            if hello is not None:
                return hello
        return await self._find(budget_s)

    # -- finding ----------------------------------------------------------------------------------

    async def _find(self, budget_s: float) -> Hello:
        try:
            return await self._start_adapter(budget_s)
        except PoolError as error:
            from ..oneshot.api import FieldsWanted  # most pools have an adapter
            from .routes import ask_all, is_about_kind, nothing_fits, routes

            if not is_about_kind(error):
                raise
            refused = error
        answers = await ask_all(routes(self._client, self._path))
        for answer in answers:
            if answer.error is None:
                means = answer.route.means
                why = f"{HELLO} has no adapter behind it, and {answer.route.asked} answers"
                hello = await self._started(self._make(means), budget_s, why)
                await self._remember(means)
                return hello
        for answer in answers:
            said = answer.error
            if said is not None and (isinstance(said, FieldsWanted) or not is_about_kind(said)):
                raise said
        raise nothing_fits(refused, answers)

    async def _start_adapter(self, budget_s: float) -> Hello:
        why = f"{HELLO} is answered by this kernel's adapter"
        hello = await self._started(self._make(Known("adapter")), budget_s, why)
        await self._remember(None)
        return hello

    async def _start_known(self, known: Known, budget_s: float) -> Hello | None:
        """None when the pool is not what it was, which is forgotten."""
        executor = self._make(known)
        try:
            hello = await executor.start(budget_s)
        except PoolError as error:
            from .routes import is_about_kind

            if not is_about_kind(error):
                raise
            log.info("the pool is no %s pool any more: %s", known.kind, error)
            await self._remember(None)
            return None
        self._choose(executor, f"found at an earlier start: {known.kind} {known.path}".rstrip())
        self._looking = asyncio.create_task(self._look_for_adapter())
        return hello

    async def _look_for_adapter(self) -> None:
        """Nothing is claimed: an adapter has an answer for a path of its own."""
        try:
            await self._client.request("POST", _ADAPTERS_OWN, body=b"{}", timeout_s=LOOKING_S)
        except PoolError as error:
            if error.source != OUR_SOURCE:
                return
        except CredentialError:
            return
        await self._remember(None)
        self.reason += "; now there is an adapter too, which a restart of the kernel will use"

    def _may_be(self, known: Known) -> bool:
        """An execute path that was set counts for more than what was found before."""
        return self._path in (DEFAULT_EXECUTE_PATH, known.path)

    async def _started(self, executor: Executor, budget_s: float, why: str) -> Hello:
        hello = await executor.start(budget_s)
        self._choose(executor, why)
        return hello

    def _choose(self, executor: Executor, why: str) -> None:
        self._chosen, self.reason = executor, why
        log.info("executor %s: %s", executor.name, why)

    async def _remember(self, known: Known | None) -> None:
        await asyncio.to_thread(self._known.put, self._client.endpoint.url, known)

    def _make(self, known: Known) -> Executor:
        context = replace(self._context, execute_path=known.path or self._path)
        return make_executor(known.kind, self._client, context)

    # -- everything else is the chosen one's ------------------------------------------------------

    @property
    def _it(self) -> Executor:
        assert self._chosen is not None, "started before anything else"  # noqa: S101
        return self._chosen

    async def send(self, boot: str, messages: Sequence[Message], budget_s: float) -> None:
        await self._it.send(boot, messages, budget_s)

    async def interrupt(self, boot: str, msg_id: str | None, timeout_s: float) -> InterruptOutcome:
        return await self._it.interrupt(boot, msg_id, timeout_s)

    async def reaction(self, boot: str, msg_id: str | None, timeout_s: float) -> Reaction:
        return await self._it.reaction(boot, msg_id, timeout_s)

    async def restart(self, boot: str, reason: RestartReason, timeout_s: float) -> None:
        await self._it.restart(boot, reason, timeout_s)

    def files(self, boot: str) -> SessionFiles:
        return self._it.files(boot)

    async def read_up_to(self, n: int) -> None:
        await self._it.read_up_to(n)

    async def measure_latency(self, timeout_s: float) -> float:
        return await self._it.measure_latency(timeout_s)

    async def session_record(self) -> dict[str, Any] | None:
        return await self._it.session_record()

    def session_rows(self) -> Sequence[tuple[str, str]]:
        more = self._it.session_rows() if isinstance(self._chosen, Described) else ()
        return [("chosen because", self.reason), *more]

    async def stop(self, timeout_s: float) -> bool:
        """Also when nothing was found: being asked, the pool has allocated a session."""
        quiet = self._looking is None or self._looking.done()
        await self._look_no_more()
        if self._chosen is not None:
            return await self._chosen.stop(timeout_s) and quiet
        return await self._client.stop_session(timeout_s)

    async def _look_no_more(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    async def aclose(self) -> None:
        await self._look_no_more()
        if self._chosen is not None:
            await self._chosen.aclose()
        else:
            await self._client.aclose()
