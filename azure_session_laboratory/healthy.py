"""Pools with nothing wrong: what doctor must not raise an alarm about."""

from __future__ import annotations

from typing import Final

from azure_session_kernel.emulator.kinds.kinds import (
    KINDS,
    Builtin,
    Kind,
    OneShot,
    interpreter,
    oneshot,
)

from .in_the_container import container
from .scenario import Scenario

_SOURCE: Final = "The local pool as it is."


def _set(name: str, executor: str, kind: Kind, what: str) -> Scenario:
    env = {"AZURE_SESSION_EXECUTOR": executor}
    return Scenario(f"healthy-{name}", "", what, _SOURCE, kind=kind, env=env)


def _built_in(name: str, what: str, *versions: str) -> Scenario:
    kind = interpreter(Builtin(api_versions=versions))
    source = "docs/azure.md 1.2, 2.1 (a, b): what each api-version has."
    return Scenario(f"healthy-{name}", "", what, source, kind=kind)


HEALTHY: Final = (
    *(
        Scenario(
            name=f"healthy-{name}",
            cause="",
            what=f"A pool of the kind {name!r} with nothing wrong.",
            source=_SOURCE,
            kind=kind,
        )
        for name, kind in KINDS.items()
    ),
    _set("container-set", "adapter", KINDS["container"], "The same, and a setting that says so."),
    _set("interpreter-set", "interpreter", KINDS["interpreter"], "A built-in pool, and a setting."),
    _set(
        "oneshot-set",
        "oneshot",
        KINDS["oneshot"],
        "A program that takes code, whose adapter answers an empty request with 500.",
    ),
    _set(
        "base-image",
        "interpreter",
        container("base-image"),
        "Microsoft's base image, and a setting that says Azure's own API.",
    ),
    _built_in("newest", "A built-in pool with the newest api-version alone.", "2025-10-02-preview"),
    _built_in(
        "older",
        "A built-in pool of 2024: it has no call to stop a session.",
        "2024-02-02-preview",
        "2024-10-02-preview",
    ),
    _built_in("oldest", "A built-in pool that runs code at /code/execute.", "2024-02-02-preview"),
    Scenario(
        name="healthy-sample",
        cause="",
        what="Microsoft's plain sample, which takes code at /execute.",
        source=_SOURCE,
        kind=oneshot(OneShot("sample")),
    ),
    Scenario(
        name="healthy-code-field",
        cause="",
        what='A program that takes {"code"}, refuses what has none with 422, and gives one text.',
        source="FastAPI with a Pydantic model.",
        kind=oneshot(OneShot(habits=("code-field", "one-text"))),
    ),
    Scenario(
        name="healthy-slow-page",
        cause="",
        what="Our adapter, behind something that never answers GET /.",
        source="Made up: what is not needed may hang.",
        rules=({"fault": "delay", "seconds": 600, "path": "/", "every": 1},),
    ),
    Scenario(
        name="healthy-strict-program",
        cause="",
        what="A program that takes code, and refuses an empty request with an error envelope.",
        source="Common; the envelope is not the service's, with a traceId (docs/azure.md 4.1).",
        kind=container("strict"),
    ),
)
