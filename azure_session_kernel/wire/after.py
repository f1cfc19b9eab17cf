"""Cells that are sent behind one that is not over yet (``docs/protocol.md`` "Cells in a burst")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .json_text import WireError, object_at, text_at

#: In a cell's metadata.
AFTER: Final = "azure_session_kernel.after"
#: In the metadata of a cell on the control channel: its error aborts the cells that wait.
ABORTS_WAITING: Final = "azure_session_kernel.aborts_waiting"
#: The feature of a hello that says that the adapter reads it.
PIPELINING: Final = "pipelining"


@dataclass(frozen=True)
class After:
    """A condition of a cell.

    :ivar msg_id: of the cell before it. :ivar unless_error: an error of that one aborts it.
    """

    msg_id: str
    unless_error: bool

    def as_json(self) -> dict[str, Any]:
        return {"msg_id": self.msg_id, "unless_error": self.unless_error}


def after_of(metadata: Mapping[str, Any]) -> After | None:
    """:raises WireError: it is there, and no condition."""
    if AFTER not in metadata:
        return None
    told = object_at(metadata, AFTER)
    unless_error = told.get("unless_error")
    if not isinstance(unless_error, bool):
        raise WireError(f"unless_error of {AFTER} must be true or false")
    return After(text_at(told, "msg_id", 200), unless_error)
