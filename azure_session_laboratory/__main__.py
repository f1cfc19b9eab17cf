"""``python -m azure_session_laboratory``: the table in docs/doctor.md."""

from __future__ import annotations

from .scenarios import SCENARIOS


def table() -> str:
    """Markdown; a test compares it with the page."""
    rows = [
        f"| `{s.name}` | {s.what} | {f'`{s.cause}`' if s.cause else 'nothing'} |"
        for s in SCENARIOS.values()
    ]
    return "\n".join(["| scenario | what is played | doctor names |", "|---|---|---|", *rows])


if __name__ == "__main__":
    print(table())
