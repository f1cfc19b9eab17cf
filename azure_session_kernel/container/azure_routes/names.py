"""Names of files in Azure's own routes, and how a refusal looks (docs/azure.md 6.7).

Two places have these routes: our container, and the local pool's built-in kind, which refuses what
Azure refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import Response

from ...azure_api.answers import refusal
from ..files.calls import FILE_REFUSALS
from ..files.store import FileStore
from ..files.workdir import BadName

#: Folders below the data folder (GOPROXY).
MAX_DEPTH: Final = 5
#: The data folder of Azure's own interpreter, which callers write in front of names.
_DATA: Final = ("/", "mnt", "data")
#: DOC-CI restricts the characters; the exact set is unknown. This is what Windows refuses as well.
_NAME: Final = re.compile(r'[^\x00-\x1f\x7f\\/:*?"<>|]{1,255}')

Refuse = Callable[[int, str, str], Response]
Refusals = Mapping[type[Exception], tuple[int, str, str]]


def _refuse(status: int, code: str, message: str) -> Response:
    return refusal(status, code, message, "")


@dataclass(frozen=True)
class FileRules:
    """Where the built-in pool and our container differ.

    :ivar strict: Azure's rules for names, on top of ours.
    :ivar decode: names are decoded once more than HTTP does.
    :ivar refusals: status, code and text for each error.
    """

    strict: bool = False
    decode: bool = False
    refuse: Refuse = _refuse
    refusals: Refusals = field(default_factory=lambda: FILE_REFUSALS)

    def answer(self, error: Exception) -> Response:
        status, code, text = self.refusals[type(error)]
        return self.refuse(status, code, text.format(error))

    def name(self, store: FileStore, request: Request, name: str) -> str:
        """``name`` in the folder that ``path`` names. :raises BadName:"""
        name = unquote_plus(name) if self.decode else name
        name, folder = _below_data(name), self.folder(store, request)
        if name.startswith("/"):
            raise BadName("A name is a path relative to the working directory.")
        whole = f"{folder}/{name}" if folder else name
        self._check(store, whole)
        return whole

    def folder(self, store: FileStore, request: Request) -> str:
        """The folder that ``path`` names; nothing for the data folder. :raises BadName:"""
        folder = _below_data("/" + request.query_params.get("path", "").strip("/")).strip("/")
        folder = "" if folder == "." else folder
        if folder:
            self._check(store, folder, more=1)
        return folder

    def _check(self, store: FileStore, name: str, more: int = 0) -> None:
        parts = PurePosixPath(name).parts
        if not self.strict or ".." in parts:
            return  # the store refuses the latter
        if len(parts) + more > MAX_DEPTH + 1:
            raise BadName(f"A file can be at most {MAX_DEPTH} folders deep.")
        if not all(map(_NAME.fullmatch, parts)):
            raise BadName("A name holds characters that are not allowed.")
        if store.has_link(name):
            raise BadName("Symbolic links are refused.")


def _below_data(name: str) -> str:
    parts = PurePosixPath(name).parts
    return str(PurePosixPath(*parts[3:])) if parts[:3] == _DATA and len(parts) >= 3 else name
