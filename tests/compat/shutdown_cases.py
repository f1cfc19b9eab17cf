"""The beginning and the end, which need kernels of their own."""

from __future__ import annotations

from typing import Any, Final

from .case import Section
from .front import Exchange, Front

SHUTDOWN: Final = Section(
    "Start and shutdown",
    "On kernels of their own. Compared as the messages are.",
    ("message", "what is done"),
)
case = SHUTDOWN.case


@case("`iopub_welcome`", "the first message of a subscription (JEP 65)")
def _(front: Front) -> Any:
    (welcome,) = [m for m in front.all_messages() if m["msg_type"] == "iopub_welcome"]
    return welcome["content"], welcome["parent_header"], welcome["metadata"]


@case("kernelspec", "what front ends look at before the kernel runs")
def _(front: Front) -> Any:
    assert front.km.kernel_spec is not None
    spec = front.km.kernel_spec.to_dict()
    return spec["language"], spec["metadata"]["debugger"], spec["kernel_protocol_version"]


@case("`shutdown_request`, `shutdown_reply`", "control: the reply, and its copy on IOPub")
def _(front: Front) -> Any:
    sent = front.send("shutdown_request", {"restart": False}, channel="control")
    reply = front.reply_on("control", sent["header"]["msg_id"])
    copy = front.wait_for(sent["header"]["msg_id"], lambda m: m["msg_type"] == "shutdown_reply")
    assert front.km.provisioner is not None
    ended = front.km.provisioner.process.wait(100)  # type: ignore[attr-defined]
    return Exchange(sent, [copy], reply).seen(), ended
