"""docs/troubleshooting.md: ``python -m azure_session_kernel.doctor.report.document``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ...causes.diagnosis import CAUSES
from ...causes.evidence import Evidence, SettingsFault
from ...causes.fields import filled
from ...causes.table.row import CHECKS, Cause

HEAD: Final = """\
# Troubleshooting

Every cause that `azure-session-kernel doctor` knows, by the check in which it shows. A failing cell
shows the same explanation and the same fix; doctor looks further and is surer. Doctor itself, its
options and its JSON: [doctor](doctor.md).

*Sure* says how surely the evidence implies the cause. Where evidence fits several causes, doctor
names several with less confidence, and never two for certain.

This page is made from the table of causes:
`python -m azure_session_kernel.doctor.report.document > docs/troubleshooting.md`.
"""
#: What stands for names that only an examination knows.
_UNKNOWN: Final = {
    "settings_what": "The error names the setting and what is wrong with it.",
    "settings_cause": "",
    "settings_fix": "The error says what to set.",
    "token_failure": "azure-identity could not get a token; the error says why.",
    "token_fix": "Run `az login`, or what the error says.",
    "served": "",
    "meant_region": "",
    "container_type": "Shell, NodeLTS or CsharpLTS",
    "proxy": "that HTTPS_PROXY names",
}


def document() -> str:
    parts = [HEAD]
    for check, name in CHECKS.items():
        rows = [row for row in CAUSES if row.check == check]
        if rows:
            parts.append(f"\n## {name}\n")
            parts += ["\n".join(_row(row)) for row in rows]
    return "\n".join(parts).rstrip() + "\n"


def _row(row: Cause) -> Iterator[str]:
    yield f"### `{row.id}`: {row.title}"
    yield ""
    yield _shown(row.explanation)
    yield ""
    yield "| seen | sure |"
    yield "| --- | --- |"
    for sign in row.signs:
        yield f"| {_cell(sign.when)} | {sign.confidence} |"
    yield ""
    yield from _fix(_shown(row.fix))
    for kind, advice in (("the local pool", row.local), ("a built-in pool", row.builtin)):
        if advice is not None:
            said = f"{advice.explanation} {advice.fix}".strip()
            yield from _fix(_shown(said), f"With {kind}:")
    yield f"Known from: {row.source}."
    yield ""


def _fix(text: str, head: str = "What to do:") -> Iterator[str]:
    """Commands on lines of their own become blocks."""
    first, *rest = text.split("\n")
    yield f"**{head}** {first}"
    yield ""
    for line in rest:
        if line.startswith(("az ", "azure-session-kernel ")):
            yield from ("```", line, "```", "")
        else:
            yield from (line, "")


def _shown(text: str) -> str:
    for name, value in _UNKNOWN.items():
        text = text.replace(f"{{{name}}}", value)
    example = Evidence(settings_fault=SettingsFault("", ""))
    shown = filled(_named(text), example)
    return re.sub(r" +", " ", shown).strip()


def _named(text: str) -> str:
    """Placeholders in capitals for what differs from pool to pool."""
    commands = ("show", "show_port", "show_state", "pool", "group", "port", "logs")
    return re.sub(r"\{([a-z_]+)\}", lambda m: m[0] if m[1] in commands else m[1].upper(), text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(document(), end="")
