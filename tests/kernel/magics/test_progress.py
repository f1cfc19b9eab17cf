"""The progress bar: escaped, not too often, and true at the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from azure_session_kernel.kernel.magics.display import Display
from azure_session_kernel.kernel.magics.progress import progress


class Published:
    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, msg_type: str, content: dict[str, Any]) -> None:
        self.messages.append((msg_type, content))

    @property
    def last(self) -> str:
        return str(self.messages[-1][1]["data"]["text/plain"])


async def test_a_quick_transfer_shows_its_outcome_only() -> None:
    published = Published()
    async with progress(Display(published), "Uploading", "uploaded") as tally:
        tally.transferred.append("a.csv")
    assert [msg_type for msg_type, _ in published.messages] == ["display_data"]
    assert published.last == "Done: a.csv uploaded."


async def test_a_slow_transfer_is_shown_at_most_five_times_a_second() -> None:
    published = Published()
    async with progress(Display(published), "Uploading", "uploaded") as tally:
        tally.total_files, tally.total_bytes = 2, 1000
        for _ in range(50):
            tally.add_bytes(10)
            await asyncio.sleep(0.01)
        tally.transferred += ["a", "b"]
    types = [msg_type for msg_type, _ in published.messages]
    assert types[0] == "display_data"
    assert set(types[1:]) == {"update_display_data"}
    assert 2 <= len(types) <= 5
    ids = {content["transient"]["display_id"] for _, content in published.messages}
    assert len(ids) == 1


async def test_a_transfer_that_fails_says_what_was_finished() -> None:
    published = Published()
    with pytest.raises(OSError, match="x"):
        async with progress(Display(published), "Uploading", "uploaded") as tally:
            tally.total_files = 3
            tally.transferred.append("a.csv")
            raise OSError("x")
    assert published.last == "Stopped: a.csv uploaded of 3."


def test_names_are_escaped_in_html() -> None:
    published = Published()
    display = Display(published)
    display.show_text("<script>")
    display.show_table([("<b>", "&")], "<i>")
    for _, content in published.messages:
        rich = content["data"]["text/html"]
        assert "<script>" not in rich
        assert "<b>" not in rich
        assert "<i>" not in rich
