"""Azure's data plane for built-in pools, in each api-version seen so far (docs/azure.md 1, 2).

``BuiltinPool`` knows paths, bodies and shapes; what the answers mean for a cell is others' matter.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from ...common.errors import PoolError, PoolRouteNotFound, UnexpectedAnswer
from ...interpreter.place import MARK
from ...pool.client import EXCERPT_CHARS, MAX_ANSWER_BYTES, Answer, PoolClient
from ...pool.management import next_query, refuses_version
from ...pool.retry import PASSING, delays, patience_s
from ...wire import dump
from ...wire.json_text import short_text
from ..base import FILES_ANSWER_BYTES
from ..session_files import MAX_ENTRIES, is_size

#: Azure's ceiling for one execution (docs/azure.md 6.3).
LIMIT_S: Final = 220
#: The answer to an execution at its limit was measured at 221.5 s.
_GRACE_S: Final = 20.0
#: The session is being changed, or does something else just now (docs/azure.md 8).
BUSY: Final = 409
#: Statuses that pass where a call changes nothing, or the same again.
PASSES: Final = (BUSY,)
MAX_UPLOAD_BYTES: Final = 128 * 1024 * 1024
_SLOW_BYTES_PER_S: Final = 200_000
#: What a pool that runs no Python says of our code repeats it.
_OURS: Final = re.compile(re.escape(MARK.rstrip()) + r"[^\n]*")
_MAX_PAGES: Final = 50


@dataclass(frozen=True)
class Version:
    """:ivar flat: ``executions``; else ``code/execute`` and bodies in ``properties``."""

    name: str
    flat: bool = True


#: Newest first.
VERSIONS: Final = (
    Version("2025-10-02-preview"),
    Version("2025-02-02-preview"),
    Version("2024-10-02-preview"),
    Version("2024-08-02-preview", flat=False),
    Version("2024-02-02-preview", flat=False),
)


@dataclass(frozen=True)
class Execution:
    """How an execution ended, as the pool says it. Everything in it is untrusted.

    :ivar status: lower case: succeeded, failed, success, failure, running, ...
    """

    status: str
    stdout: str
    stderr: str
    result: Any
    error: str
    id: str = ""

    @property
    def pending(self) -> bool:
        """It has been accepted, and is not over."""
        return self.status in ("notstarted", "running")

    @property
    def succeeded(self) -> bool:
        return self.status in ("succeeded", "success")

    @property
    def excerpt(self) -> str:
        """What was received, for an error's text."""
        said = (self.status, self.error, self.stderr, self.stdout)
        parts = [_OURS.sub("(this kernel's code)", part) for part in said]
        text = " | ".join(" ".join(part.split()) for part in parts if part.strip())
        printable = "".join(c if c.isprintable() else " " for c in text)
        return printable[:EXCERPT_CHARS] or "an empty answer"


@dataclass(frozen=True)
class Habits:
    """In which of a file's names ``%`` and ``+`` have to be encoded once more than by HTTP.

    :ivar folder: in ``path``. :ivar upload: in a body. :ivar path: in the path of a request.
    """

    folder: bool = False
    upload: bool = False
    path: bool = False


class BuiltinPool:
    """One session's executions and files. :ivar version: as chosen by ``first_execution``.

    :ivar habits: ``names.py`` finds them out. :ivar carries_all: whether names with ``%`` and ``+``
        can be carried with these habits; None when it has not been found out.
    """

    def __init__(self, client: PoolClient) -> None:
        self._client = client
        self.version = VERSIONS[0]
        self.habits = Habits()
        self.carries_all: bool | None = None

    # -- executions -------------------------------------------------------------------------------

    async def first_execution(self, code: str, limit_s: int) -> Execution:
        """Run it in the newest api-version that the pool accepts, which is used from then on.

        :raises UnexpectedAnswer: it accepts none.
        """
        refused: PoolError | None = None
        for version in dict.fromkeys((self.version, *VERSIONS)):
            self.version = version
            try:
                execution = await self.execute(code, limit_s)
            except PoolError as error:
                if not _refuses_version(error):
                    raise
                refused = refused or error
            else:
                self._client.prefer_version(version.name)
                return execution
        self.version = VERSIONS[0]
        assert refused is not None  # noqa: S101
        raise _no_version(refused) from refused

    async def execute(self, code: str, limit_s: int = LIMIT_S, operation: str = "") -> Execution:
        """Run it and wait until it is over.

        :param operation: names an execution that is sent again (header ``operation-id``).
        """
        operation = operation or str(uuid.uuid4())
        fields = {
            "codeInputType": "inline",
            "executionType": "synchronous",
            "code": code,
            "timeoutInSeconds": limit_s,
        }
        flat = self.version.flat
        body = fields if flat else {"properties": fields}
        answer = await self._client.request(
            "POST",
            "/executions" if flat else "/code/execute",
            body=dump(body),
            timeout_s=limit_s + _GRACE_S,
            query=self._query(),
            headers={"operation-id": operation},
        )
        execution = _execution(answer)
        if execution.pending:
            found = await self.result_of(execution.id or operation, limit_s + _GRACE_S)
            return found or execution
        return execution

    async def result_of(
        self, operation: str, within_s: float, outage_s: float | None = None
    ) -> Execution | None:
        """The end of an execution that the pool has accepted, for which it is asked again.

        None: the pool knows none of that name, can't be asked (for ``outage_s`` seconds, if that
        is less than ``within_s``), or it is not over in time.
        """
        path = f"/executions/{quote(operation, safe='')}"
        heard_at = time.monotonic()
        until, broken_s = heard_at + within_s, within_s if outage_s is None else outage_s
        for delay_s in delays() if self.version.flat else ():
            silence_s = broken_s
            try:
                found = _execution(await self._client.request("GET", path, query=self._query()))
            except PASSING as error:
                found, silence_s = None, patience_s(error, broken_s)
            except PoolError:
                return None
            now = time.monotonic()
            if found is not None:
                heard_at = now
                if not found.pending:
                    return found
            if now + delay_s > min(until, heard_at + silence_s):
                break
            await asyncio.sleep(delay_s)
        return None

    # -- files ------------------------------------------------------------------------------------

    async def download(
        self,
        folder: str,
        name: str,
        timeout_s: float = 30.0,
        piece: tuple[int, int] | None = None,
        answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> tuple[bytes, bool] | None:
        """The file's content, and whether that is only the ``piece`` (offset, length) asked for.

        None: there is no such file.
        """
        part = self._part(name)
        path = f"/files/{part}/content" if self.version.flat else f"/files/content/{part}"
        span = {} if piece is None else {"Range": f"bytes={piece[0]}-{sum(piece) - 1}"}
        try:
            answer = await self._client.request(
                "GET",
                path,
                timeout_s=timeout_s,
                query=self._query(folder),
                headers=span,
                answer_bytes=answer_bytes,
            )
        except PoolRouteNotFound:
            return None
        except PoolError as error:
            if error.status == 416:
                return b"", True
            if error.code == "FileNotFound":  # whatever its status
                return None
            raise
        return answer.body, answer.status == 206

    async def upload(
        self, folder: str, name: str, data: bytes, timeout_s: float = 30.0
    ) -> tuple[str, int]:
        """Put a file there; the name ("": none) and the size (-1) that the pool says it has."""
        sent = _encoded(name, also=self.habits.upload)
        boundary = uuid.uuid4().hex
        answer = await self._client.request(
            "POST",
            "/files" if self.version.flat else "/files/upload",
            body=_form(boundary, sent, data),
            timeout_s=timeout_s + len(data) / _SLOW_BYTES_PER_S,
            query=self._query(folder),
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
        found = _entries(answer)
        return (found[0][0], found[0][2]) if found else ("", -1)

    async def delete(self, folder: str, name: str) -> None:
        path = f"/files/{self._part(name)}"
        await self._client.request("DELETE", path, query=self._query(folder))

    def _part(self, name: str) -> str:
        """Of a path."""
        return quote(_encoded(name, also=self.habits.path), safe="")

    async def list(self, folder: str) -> list[tuple[str, bool, int, str]]:
        """Name, whether it is a folder, size in bytes (-1: not known), and when it was changed.

        Of many, some.
        """
        query, found = self._query(folder), []
        for _ in range(_MAX_PAGES):
            answer = await self._client.request(
                "GET", "/files", query=query, answer_bytes=FILES_ANSWER_BYTES
            )
            found += _entries(answer)
            more = next_query(answer.json(), self._client.endpoint.url)
            if more is None or len(found) > MAX_ENTRIES:
                break
            query = {**more, **self._query(folder)}
        return found

    def _query(self, folder: str = "") -> dict[str, str]:
        path = {"path": _encoded(folder, also=self.habits.folder)} if folder else {}
        return {**path, "api-version": self.version.name}

    # -- the session ------------------------------------------------------------------------------

    async def end_session(self, timeout_s: float) -> None:
        """:raises PoolError: also when the pool has no such call."""
        await self._client.end_session(timeout_s)

    async def session_record(self) -> dict[str, Any] | None:
        return await self._client.get_session()

    async def language(self) -> str:
        """What the pool says it runs, or "" when it does not say."""
        if not self._client.endpoint.builtin:
            return ""
        try:
            value = await self._client.metadata()
        except PoolError:
            return ""
        runtimes = value.get("runtimes") if isinstance(value, dict) else None
        names = [item.get("name") for item in runtimes or () if isinstance(item, dict)]
        return ", ".join(name[:40] for name in names if isinstance(name, str))[:EXCERPT_CHARS]


def _encoded(name: str, *, also: bool) -> str:
    return name.replace("%", "%25").replace("+", "%2B") if also else name


def _refuses_version(error: PoolError) -> bool:
    """It knows the route or the api-version not, or wants the other shape of body."""
    if error.status == 400 and error.code == "SessionPropertiesMissing":
        return True
    if isinstance(error, PoolRouteNotFound):
        return True
    return refuses_version(error)


def _no_version(error: PoolError) -> UnexpectedAnswer:
    tried = ", ".join(version.name for version in VERSIONS)
    shell = "shellcommand" in error.body.lower()
    failure = UnexpectedAnswer(
        "This pool runs Python in none of the api-versions that this kernel speaks. To the newest "
        f"it answered: {' '.join(error.body.split())[:EXCERPT_CHARS] or error.what}",
        cause=("It is a Shell pool, which runs shell commands and no Python. " if shell else "")
        + f"Tried: {tried}."
        + ("" if shell else " A Shell pool refuses code, and so does another service."),
        fix="Use a PythonLTS pool (--container-type PythonLTS), or update azure-session-kernel.",
    )
    failure.status, failure.code, failure.body = error.status, error.code, error.body
    return failure


def _execution(answer: Answer) -> Execution:
    """:raises UnexpectedAnswer: not an execution."""
    value = answer.json()
    found = value.get("properties", value) if isinstance(value, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("status"), str):
        raise unreadable("an execution has a status", answer)
    result = found.get("result")
    if not isinstance(result, dict) or "stdout" in found:
        result = {**found, "executionResult": result}
    name = found.get("id")
    return Execution(
        status=found["status"].lower()[:40],
        stdout=_text(result, "stdout"),
        stderr=_text(result, "stderr"),
        result=_without_ids(result.get("executionResult")),
        error=_error_text(found.get("error")),
        id=name[:200] if isinstance(name, str) else "",
    )


def _text(fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def _error_text(value: Any) -> str:
    """``error.message``; the specification nests an error inside an error (docs/azure.md 1.3)."""
    for _ in range(3):
        if not isinstance(value, dict):
            break
        value = value.get("error") or value.get("message") or value.get("code")
    return value[:2000] if isinstance(value, str) else ""


def _without_ids(value: Any) -> Any:
    """.NET's reference markers are no part of anything (docs/azure.md 2.1)."""
    if isinstance(value, dict):
        return {key: _without_ids(item) for key, item in value.items() if key != "$id"}
    return [_without_ids(item) for item in value] if isinstance(value, list) else value


def _entries(answer: Answer) -> list[tuple[str, bool, int, str]]:
    """Files, in any version's shape (docs/azure.md 2.1, 2.2, 6.7)."""
    value = answer.json()
    if isinstance(value, dict):
        value = value["value"] if isinstance(value.get("value"), list) else [value]
    if not isinstance(value, list):
        raise unreadable("files are a list", answer)
    return [_entry(item, answer) for item in value]


def _entry(item: Any, answer: Answer) -> tuple[str, bool, int, str]:
    found = item.get("properties", item) if isinstance(item, dict) else None
    name = (found.get("name") or found.get("filename")) if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(name, str):
        raise unreadable("a file has a name", answer)
    size = found.get("sizeInBytes", found.get("size"))
    modified = short_text(found, "lastModifiedAt", 40) or short_text(found, "lastModifiedTime", 40)
    is_directory = short_text(found, "type").lower() == "directory"
    return name, is_directory, size if is_size(size) else -1, modified


def unreadable(expected: str, answer: Answer) -> UnexpectedAnswer:
    error = UnexpectedAnswer(
        f"The session pool's answer ({answer.status}) can't be read: {expected}, "
        f"and this is what came: {answer.excerpt()}",
        cause="The service has changed, or another service answers at this endpoint.",
        fix="Check AZURE_SESSION_POOL_ENDPOINT, or update azure-session-kernel.",
    )
    error.status = answer.status
    return error


def _form(boundary: str, name: str, data: bytes) -> bytes:
    """A form with one file. Its name is escaped as HTML's forms do it, a backslash as MIME."""
    escaped = re.sub(r'["\x00-\x1f]', lambda c: f"%{ord(c.group()):02X}", name)
    escaped = escaped.replace("\\", "\\\\")
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{escaped}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
