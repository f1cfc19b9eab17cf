"""``POST /python/execute`` as other people's programs have it; see ``emulator/kinds/habits.py``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .job import Limits, Stage


def wanted_fields(body: dict[str, Any], habits: Collection[str]) -> dict[str, Any] | None:
    """FastAPI's refusal of a request without ``code``; it echoes what was sent."""
    if "code-field" not in habits or isinstance(body.get("code"), str):
        return None
    missing = {"type": "missing", "loc": ["body", "code"], "msg": "Field required", "input": body}
    return {"detail": [missing]}


def answer(run: Stage, limits: Limits, habits: Collection[str]) -> tuple[dict[str, Any], int]:
    """What such a program answers, and with which status."""
    timed_out = run.status == "TO"
    if run.code and not timed_out:
        if "traceback-400" in habits:
            return {"error": {"message": run.stderr}}, 400
        if "traceback-500" in habits:
            return {"detail": run.stderr}, 500
    texts = {"stdout": run.stdout, "stderr": run.stderr}
    if "timeout-in-stderr" in habits:
        if timed_out:
            texts["stderr"] += f"Execution timed out after {limits.run_s:g} seconds"
    elif "one-text" in habits:
        texts = {"output": run.output}
    else:
        return {"properties": {**_given(texts, habits), "exitCode": run.code}}, 200
    return _given(texts, habits), 200


def _given(texts: dict[str, str], habits: Collection[str]) -> dict[str, Any]:
    if "lists" not in habits:
        return dict(texts)
    return {name: text.splitlines() for name, text in texts.items()}
