"""Runs cells, one after another or a few at once, each perhaps under a fault."""

from __future__ import annotations

import queue
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

from .cells import Cell

#: A cell without idle for so long hangs.
HANG_S = 90.0
REPLY_WITHIN_S = 2.0
#: Outputs of so many cells that are over are still looked for.
WATCHED = 1_000

JupyterMessage = dict[str, Any]


@dataclass
class Outcome:
    """:ivar name: ``ok``, an ename, ``aborted`` or ``hang``."""

    cell: Cell
    name: str = "hang"
    evalue: str = ""
    replied: bool = False
    took_s: float = 0.0
    messages: list[JupyterMessage] = field(default_factory=list)


@dataclass
class _Open:
    outcome: Outcome
    begun: float
    idle: bool = False


class Driver:
    """One client of one kernel."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client
        self._cells: dict[str, _Open] = {}
        self._over: OrderedDict[str, Cell] = OrderedDict()
        self.late: list[Cell] = []
        """A cell for each output that came after the cell had ended with a known outcome."""

    def run(self, cells: list[Cell]) -> list[Outcome]:
        """Send them all, then wait until all are over."""
        for cell in cells:
            msg_id = str(self._client.execute(cell.code, allow_stdin=False))
            self._cells[msg_id] = _Open(Outcome(cell), time.monotonic())
        outcomes = [entry.outcome for entry in self._cells.values()]
        deadline = time.monotonic() + HANG_S
        while self._cells and time.monotonic() < deadline:
            self._read_iopub(0.5)
        self._cells.clear()
        return outcomes

    def _read_iopub(self, timeout_s: float) -> None:
        try:
            message = self._client.get_iopub_msg(timeout=timeout_s)
        except queue.Empty:
            return
        msg_id = message["parent_header"].get("msg_id")
        entry = self._cells.get(msg_id)
        if entry is None:
            if msg_id in self._over and message["msg_type"] != "status":
                self.late.append(self._over[msg_id])
            return
        if message["msg_type"] != "status":
            entry.outcome.messages.append(message)
        elif message["content"]["execution_state"] == "idle":
            self._end(msg_id, entry)

    def _end(self, msg_id: str, entry: _Open) -> None:
        entry.outcome.took_s = time.monotonic() - entry.begun
        del self._cells[msg_id]
        try:
            reply = self._client.get_shell_msg(timeout=REPLY_WITHIN_S)
            while reply["parent_header"].get("msg_id") != msg_id:
                reply = self._client.get_shell_msg(timeout=REPLY_WITHIN_S)
        except queue.Empty:
            entry.outcome.name = "no reply"
            return
        content = reply["content"]
        entry.outcome.replied = True
        entry.outcome.name = content.get("ename", content["status"])
        entry.outcome.evalue = content.get("evalue", "")
        if content["status"] == "ok" or entry.outcome.name == "ArithmeticError":
            self._over[msg_id] = entry.outcome.cell
            while len(self._over) > WATCHED:
                self._over.popitem(last=False)
