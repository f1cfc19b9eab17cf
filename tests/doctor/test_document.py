"""``docs/troubleshooting.md`` says what the table says."""

from __future__ import annotations

from pathlib import Path

from azure_session_kernel.causes.diagnosis import CAUSES
from azure_session_kernel.doctor.report.document import document

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == document(), (
        "write it anew: "
        "python -m azure_session_kernel.doctor.report.document > docs/troubleshooting.md"
    )


def test_every_cause_has_its_place_on_the_page_and_no_name_is_left_open() -> None:
    text = document()
    assert all(f"### `{row.id}`: " in text for row in CAUSES)
    assert "{pool}" not in text
    assert "_what}" not in text
