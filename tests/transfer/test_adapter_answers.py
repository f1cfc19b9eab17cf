"""What the adapter's answers about files mean to whoever asked."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_session_kernel.common.errors import SessionKernelError
from azure_session_kernel.executors.adapter.files import AdapterFiles
from azure_session_kernel.executors.session_files import A_FOLDER, NOT_REGULAR, Fingerprint, Unfit


async def test_each_name_is_known_by_itself_and_what_can_not_be_read_says_why() -> None:
    answers: list[dict[str, Any]] = [
        {"name": "a", "size": 1, "sha256": "ab"},
        {"name": "d", "type": "directory"},
        {"name": "pipe", "error": {"code": "NotAFile", "message": "x"}},
        {"name": "mine", "error": {"code": "Unreadable", "message": "It can't be read: \x1bNo."}},
        {"name": "odd", "error": "text"},
        {"name": "not asked for", "size": 1, "sha256": "ab"},
        {"name": ["a"], "size": 1, "sha256": "ab"},
    ]

    async def call(name: str, body: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        return {"value": answers}

    found = await AdapterFiles(call, 1.0).fingerprints(["a", "d", "pipe", "mine", "odd", "none"])
    assert found == {
        "a": Fingerprint(1, "ab"),
        "d": A_FOLDER,
        "pipe": NOT_REGULAR,
        "mine": Unfit("the session says: It can't be read: No"),
    }


@pytest.mark.parametrize("mtime_ns", [True, -1, 10**30, 1.5, "1", None, [1]])
async def test_a_time_that_can_not_be_is_not_taken(mtime_ns: object) -> None:
    async def call(name: str, body: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        known = {"name": "a", "size": 1, "sha256": "ab"}
        return {"value": [{**known, "executable": "yes", "mtime_ns": mtime_ns}]}

    found = (await AdapterFiles(call, 1.0).fingerprints(["a"]))["a"]
    assert isinstance(found, Fingerprint)
    assert (found.executable, found.mtime_ns) == (None, None)


FIELDS = ("value", "name", "size", "sha256", "error", "code", "message", "type", "mtime_ns")
MORE_FIELDS = ("executable", "directory", "sizeInBytes", "lastModifiedAt", "truncated", "data")
VALUES = st.one_of(
    st.sampled_from([None, True, -1, 2**70, 1.5, "directory", "a", "NotAFile", "BadName", "eA=="]),
    st.text(max_size=5),
)
ANSWERS = st.dictionaries(
    st.sampled_from(FIELDS + MORE_FIELDS),
    st.recursive(
        VALUES,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(FIELDS + MORE_FIELDS), inner, max_size=6)
        ),
        max_leaves=12,
    ),
)


@given(ANSWERS)
async def test_whatever_comes_is_a_file_or_an_error_of_ours(answer: dict[str, Any]) -> None:
    async def call(name: str, body: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        return answer

    files = AdapterFiles(call, 0.0)
    with contextlib.suppress(SessionKernelError):
        for entry in (await files.list("a")).entries:
            assert (type(entry.name), type(entry.modified)) == (str, str)
            assert 0 <= entry.size_bytes < 2**63
    with contextlib.suppress(SessionKernelError):
        for known in (await files.fingerprints(["a"])).values():
            assert isinstance(known, Unfit) or 0 <= known.size_bytes < 2**63
    with contextlib.suppress(SessionKernelError):
        assert sum([len(piece) async for piece in files.download("a", 3)]) <= 6
