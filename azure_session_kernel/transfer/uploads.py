"""What one kernel has uploaded into its session, to bring it back into the next one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .limits import Limits

if TYPE_CHECKING:
    from ..executors.session_files import Fingerprint


@dataclass(frozen=True)
class Uploaded:
    """:ivar target: its name in the session. :ivar name: its name beside the notebook.
    :ivar fingerprint: what it was.
    """

    target: str
    name: str
    fingerprint: Fingerprint


class Uploads:
    """One for each name in the session: the newest, in the order of their first upload.

    :ivar limits: the largest with which one of them was uploaded.
    """

    def __init__(self) -> None:
        self._by_target: dict[str, Uploaded] = {}
        self.limits = Limits()

    def note(self, upload: Uploaded, limits: Limits) -> None:
        self._by_target[upload.target] = upload
        self.limits = max(self.limits, limits, key=lambda limits: limits.file)

    @property
    def targets(self) -> list[str]:
        return list(self._by_target)

    def __iter__(self) -> Iterator[Uploaded]:
        return iter(list(self._by_target.values()))

    def __bool__(self) -> bool:
        return bool(self._by_target)
