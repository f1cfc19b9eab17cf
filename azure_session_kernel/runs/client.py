"""nbclient's client, for many notebooks in one process: quiet, with a limit to what it keeps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete
from nbformat import NotebookNode

from .kernels import RunKernelManager
from .plan import RunSettings

#: What nbclient and jupyter_client would say of a kernel's end is in the record.
QUIET: Final = logging.getLogger(f"{__name__}.quiet")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False

#: Of a notebook's outputs: one that prints for ever must not take the memory of all others.
MOST_BYTES: Final = 50_000_000
_MESSAGE_BYTES: Final = 500


class QuietClient(NotebookClient):
    """:ivar over: no cell runs any more, so that what a kernel says at its end is not an output.
    :ivar overfull: set when there is too much output to keep.
    """

    over = False

    def __init__(self, notebook: NotebookNode, settings: RunSettings) -> None:
        super().__init__(
            notebook,
            kernel_manager_class=RunKernelManager,
            timeout=settings.cell_timeout_s or None,
            allow_errors=settings.allow_errors,
            iopub_timeout=30,
            log=QUIET,
        )
        self.overfull = asyncio.Event()
        self._bytes = 0

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        if self.over:
            raise CellExecutionComplete
        self._bytes += _size_bytes(msg["content"])
        if self._bytes > MOST_BYTES:
            self.overfull.set()
            return None
        output: NotebookNode | None = super().process_message(msg, cell, cell_index)
        return output


def _size_bytes(content: Mapping[str, Any]) -> int:
    """Roughly, of a message. One in ASCII takes as many bytes here as it has characters."""
    bundle = content.get("data")
    parts = [content.get("text"), *(bundle.values() if isinstance(bundle, Mapping) else ())]
    return _MESSAGE_BYTES + sum(len(part) for part in parts if isinstance(part, str))
