"""One-shot requests, and what is known of the pool that answers them."""

from __future__ import annotations

import logging
import time
from typing import Final

from ...common.errors import PoolError, UnexpectedAnswer
from ...pool.call import redact
from ...pool.client import PoolClient
from ...wire import BeyondDecoder, WireError, dump
from .answer import Ran, excerpt, read_answer
from .api import Api, fields_wanted, is_piston_path, next_shape, piston_version, runtimes_path
from .probe import GIVEN, Seen, check_code, first_code, new_boot, read_probe

log = logging.getLogger(__name__)

PROBE_S: Final = 30.0
#: Of an answer that is not JSON, for an error.
_READ_BYTES: Final = 20_000
#: Statuses of refusals that need not say what is wanted.
_WORDLESS: Final = (400, 500)


class OneShotPool:
    """:ivar api: None until the pool was first asked.
    :ivar keeps: whether variables survive from cell to cell; None: not known yet.
    :ivar shows_results: it shows the value of a last expression by itself.
    :ivar takes_stdin: cells get the standard input that they are sent with.
    :ivar one_text: cells' outputs come in one text, without an exit code.
    :ivar heard_at: when it last answered, by ``time.monotonic``.
    """

    def __init__(self, client: PoolClient, path: str) -> None:
        self._client, self._path = client, path
        self.api: Api | None = None
        self.keeps: bool | None = None
        self.shows_results, self.takes_stdin, self.one_text = False, True, False
        self.python = ""
        self.heard_at = time.monotonic()

    async def probe(self, boot: str) -> Seen:
        """Tell the session ``boot`` unless it knows one. :raises PoolError:"""
        if self.api is None:
            seen = await self._find_api(await self._choose_api(), boot)
        else:
            seen = read_probe(await self.execute(first_code(boot), GIVEN, PROBE_S))
        self.python, self.shows_results = seen.python, seen.shows_results
        self.takes_stdin, self.one_text = seen.takes_stdin, seen.one_text
        return seen

    async def probe_again(self, first: Seen) -> None:
        """Does the session still know what the first program told it?"""
        second = read_probe(await self.execute(first_code(new_boot()), GIVEN, PROBE_S))
        self.keeps = second.boot == first.boot
        log.info("one-shot pool: %s; keeps variables: %s", self.api, self.keeps)

    async def check(self, count: int) -> str:
        """The boot that the session knows, or ""; it is told how many cells it has seen."""
        return read_probe(await self.execute(check_code(count), "", PROBE_S)).boot

    async def execute(self, code: str, stdin: str, timeout_s: float) -> Ran:
        """One request. :raises PoolError: as the pool answered, or an answer that can't be read."""
        assert self.api is not None  # noqa: S101
        return await self._execute(self.api, code, stdin, timeout_s)

    async def _execute(self, api: Api, code: str, stdin: str, timeout_s: float) -> Ran:
        body = dump(api.body(code, stdin))
        answer = await self._client.request("POST", api.path, body=body, timeout_s=timeout_s)
        self.heard_at = time.monotonic()
        try:
            return read_answer(answer.decoded())
        except BeyondDecoder as error:
            raise _beyond(str(error)) from None
        except WireError:
            raise self._not_json(answer.body) from None
        except UnexpectedAnswer as error:
            error.what = self._clean(error.what)
            raise

    async def _find_api(self, api: Api, boot: str) -> Seen:
        """Sets the shape that the pool takes. :raises PoolError: what helps most, if none works."""
        refused: PoolError | None = None
        shape: Api | None = api
        tried: set[Api] = set()
        while shape is not None and shape not in tried:
            tried.add(shape)
            try:
                seen = read_probe(await self._execute(shape, first_code(boot), GIVEN, PROBE_S))
            except PoolError as error:
                shape = next_shape(shape, error)
                if refused is None or _got_further(error, refused):
                    refused = error
            else:
                self.api = shape
                return seen
        assert refused is not None  # noqa: S101
        raise fields_wanted(api.path, refused) or refused

    async def _choose_api(self) -> Api:
        if not is_piston_path(self._path):
            return Api(self._path)
        answer = await self._client.request("GET", runtimes_path(self._path), timeout_s=PROBE_S)
        return Api(self._path, piston_version(answer.json()))

    def _not_json(self, body: bytes) -> UnexpectedAnswer:
        received = excerpt(body[:_READ_BYTES].decode(errors="replace")) or "nothing at all"
        return UnexpectedAnswer(
            f"The pool's answer to a cell is not JSON: {self._clean(received)}",
            cause="Another program than the one this kernel expects answers at this path. "
            "The cell may have run.",
            fix="Check AZURE_SESSION_EXECUTE_PATH, or run azure-session-kernel doctor.",
        )

    def _clean(self, text: str) -> str:
        return text.replace(self._client.identifier, redact(self._client.identifier))


def _got_further(error: PoolError, before: PoolError) -> bool:
    """An answer that can't be used says more than a refusal, and no session or network than both;
    a refusal in FastAPI's manner says which fields are wanted.
    """
    return before.status is not None and error.status not in _WORDLESS


def _beyond(reason: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"The pool's answer to a cell is beyond this kernel, for {reason}. The cell has run.",
        cause="Its last value, or what it printed, is too much for one answer.",
        fix="Let it return or print less, and save large data to a file.",
    )
