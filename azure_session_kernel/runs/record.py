"""What became of one notebook: a line of the journal and of ``results.jsonl``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final, Literal, get_args

Status = Literal["ok", "failed", "cut off", "not run"]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)
#: Of what a session says, which may be anything.
EVALUE_CHARS: Final = 500


@dataclass(frozen=True)
class CellError:
    """:ivar cell: its index in the executed notebook, from 0; -1 when it is about no cell."""

    cell: int
    ename: str
    evalue: str


@dataclass(frozen=True)
class Record:
    """:ivar notebook: its name. :ivar status: ``ok``: every cell ran; ``failed``: a cell failed,
        took too long, or killed its kernel; ``cut off``: that was not its code's doing: the
        session or the pool failed, or the run was stopped; ``not run``: no cell of it has run.
    :ivar sha256: of the file that was run. :ivar cells: those with code. :ivar ran: begun of these.
    :ivar errors: of its cells, those that were allowed (``--allow-errors``) included.
    :ivar reason: why it is ``cut off`` or ``not run``.
    :ivar output: the executed notebook's file, relative to the output folder; "": there is none.
    :ivar waited_s: from its kernel's start until it had its session.
    :ivar session_s: for how long it had that, which is until it was stopped.
    """

    notebook: str
    status: Status
    sha256: str = ""
    cells: int = 0
    ran: int = 0
    errors: tuple[CellError, ...] = field(default=())
    reason: str = ""
    output: str = ""
    waited_s: float = 0.0
    session_s: float = 0.0

    @property
    def is_final(self) -> bool:
        """A notebook that was run to its end, good or bad, is not run again."""
        return self.status in ("ok", "failed")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> Record:
        """:raises ValueError: it is none."""
        try:
            errors = tuple(CellError(**error) for error in value["errors"])
            record = cls(**{**value, "errors": errors})
        except (TypeError, KeyError) as error:
            raise ValueError(str(error)) from None
        if record.status not in STATUSES:
            raise ValueError(f"status {record.status!r}")
        for path in map(PurePosixPath, (record.notebook, record.output)):
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"path {str(path)[:100]!r}")
        return record
