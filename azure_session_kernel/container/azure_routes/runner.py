"""Executions of Azure's routes in our interpreter, beside the notebook's cells.

They share their namespace and queue with them in the shell. Their messages go to the execution and
never into the boot's log, so a kernel that reads the log sees nothing of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ...azure_api.executions import Aborted, TimedOut
from ...azure_api.outputs import Outputs
from ...azure_api.request import ExecutionRequest
from ...azure_api.run import Run
from ...common.within import within
from ...wire import Message
from ..boot import Boot
from ..interpreter_host import InterpreterFailed, InterpreterHost, InterpreterStarting


class AdapterRunner:
    """Runs code in whichever boot runs; called by the routes."""

    def __init__(self, host: InterpreterHost) -> None:
        self._host = host

    async def run(
        self,
        request: ExecutionRequest,
        started: Callable[[], None],
        stdin: list[str] | None = None,
    ) -> Outputs:
        """Interrupts the code when its time is over.

        :param stdin: lines for ``input()``; None: it raises ``StdinNotImplementedError``.
        :raises TimedOut: :raises Aborted:
        """
        boot = await self._boot(request.timeout_s)
        run = Run(started) if stdin is None else _RunWithInput(started, boot, stdin)
        msg_id = boot.run_apart(_content(request, stdin is not None), run.take, run.abort)
        try:
            await within(run.over.wait(), request.timeout_s)
        except asyncio.TimeoutError:
            await boot.running.interrupt(msg_id)
            raise TimedOut from None
        finally:
            boot.apart.forget(msg_id)
        if run.aborted:
            raise Aborted("" if boot.death is None else boot.death.cause)
        return run.outputs

    async def _boot(self, wait_s: float) -> Boot:
        try:
            return await self._host.running_boot(wait_s)
        except InterpreterStarting:
            raise TimedOut from None
        except InterpreterFailed as error:
            raise Aborted(str(error)) from error


def _content(request: ExecutionRequest, allow_stdin: bool) -> dict[str, Any]:
    """``stop_on_error`` false: this failing must not abort the notebook's cells behind it."""
    code = {"code": request.code, "silent": False, "store_history": True, "user_expressions": {}}
    return {**code, "allow_stdin": allow_stdin, "stop_on_error": False}


class _RunWithInput(Run):
    """Feeds ``input()`` line by line; what it asks appears on stdout, as with a pipe."""

    def __init__(self, started: Callable[[], None], boot: Boot, lines: list[str]) -> None:
        super().__init__(started)
        self._boot, self._lines = boot, lines

    def take(self, message: Message) -> None:
        if message.msg_type != "input_request":
            super().take(message)
            return
        self.outputs.write("stdout", str(message.content.get("prompt", "")))
        # ipykernel makes an EOFError of this character.
        line = self._lines.pop(0) if self._lines else "\x04"
        self._boot.answer_input(message, line)
