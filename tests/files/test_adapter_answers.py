"""What the adapter's answers about files mean to whoever asked."""

from __future__ import annotations

from typing import Any

import pytest

from azure_session_kernel.executors.adapter_files import AdapterFiles
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
