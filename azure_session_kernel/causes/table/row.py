"""One row of the table."""

from __future__ import annotations

from dataclasses import dataclass

from ..evidence import Evidence
from ..signs import Sign

#: The checks of ``doctor``, in their order, and what they are called in its table.
CHECKS = {
    "settings": "Settings",
    "endpoint": "Endpoint",
    "dns": "DNS",
    "tcp": "Connection",
    "tls": "TLS",
    "clock": "Clock",
    "credential": "Credential",
    "role": "Role",
    "management": "Pool (ARM)",
    "identifier": "Identifier",
    "allocation": "Allocation",
    "routing": "Routing",
    "protocol": "Version",
    "execution": "Execution",
    "streaming": "Streaming",
    "session": "Same session",
    "files": "Files",
    "interrupt": "Interrupt",
    "stop": "Stop",
}


@dataclass(frozen=True)
class Advice:
    """What a row says of another kind of pool than custom containers at Azure.

    :ivar explanation: "" when the row's is as true of it.
    """

    fix: str
    explanation: str = ""


@dataclass(frozen=True)
class Cause:
    """One thing that can be wrong.

    :ivar id: its name in ``--json``, in the documentation and in the laboratory.
    :ivar check: where it shows: a key of ``CHECKS``.
    :ivar title: it in a few words.
    :ivar explanation: one or two sentences; the kernel's errors show them as the likely cause.
    :ivar fix: the command or setting; the kernel's errors show it as what to do.
    :ivar source: where it is known from.
    :ivar signs: what implies it, the surest first.

    :ivar local: what is said of the local pool instead, where that has another remedy.
    :ivar builtin: likewise of a built-in pool at Azure.

    ``{names}`` in ``explanation`` and ``fix`` are filled in by ``causes.fields``.
    """

    id: str
    check: str
    title: str
    explanation: str
    fix: str
    source: str
    signs: tuple[Sign, ...]
    local: Advice | None = None
    builtin: Advice | None = None

    def advice(self, e: Evidence) -> Advice:
        """As it fits the pool that the evidence is about.

        A local pool whose management plane can be read plays one of Azure's.
        """
        if e.endpoint.loopback:
            fitting = None if e.direct or e.pool is not None else self.local
        else:
            fitting = self.builtin if e.endpoint.builtin else None
        if fitting is None:
            return Advice(self.fix, self.explanation)
        return Advice(fitting.fix, fitting.explanation or self.explanation)
