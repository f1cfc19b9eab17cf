"""A disk that does not answer holds up neither the adapter's answers nor an interrupt."""

from __future__ import annotations

from pathlib import Path

from azure_session_kernel.wire import LogMessage

from .adapter_process import Kernel, execute_request, is_over, running_adapter

#: Python imports it before anything else: little memory, and a disk behind a gate.
GATE = """
import pathlib, time
from azure_session_kernel.container.log import spill
from azure_session_kernel.container.log.message_log import MessageLog
MessageLog.__init__.__kwdefaults__["memory_bytes"] = 200_000
write = spill._write
def gated(*args):
    pathlib.Path({asked!r}).touch()
    while not pathlib.Path({gate!r}).exists():
        time.sleep(0.01)
    write(*args)
spill._write = gated
"""
SHOW = """
import pathlib
from IPython.display import display
n = 0
try:
    while True:
        display({'text/plain': f'{n} ' + 'x' * 1000}, raw=True)
        n += 1
except KeyboardInterrupt:
    print(n, 'or one more')
"""


def test_health_and_interrupt_are_answered_while_the_disk_is_not(
    isolated_environment: dict[str, str], tmp_path: Path
) -> None:
    asked, gate = tmp_path / "asked", tmp_path / "gate"
    gated = GATE.format(asked=str(asked), gate=str(gate))
    (tmp_path / "sitecustomize.py").write_text(gated)
    with running_adapter(env={"PYTHONPATH": str(tmp_path)}) as adapter:
        kernel = Kernel(adapter)
        kernel.hello()
        request = execute_request(SHOW)
        kernel.send(request)
        while not asked.exists():
            kernel.adapter.client.get("/health")
        assert adapter.client.get("/health").json() == {"status": "ok"}
        answer = kernel.post("interrupt", msg_id=request.msg_id).json()
        assert answer["outcome"] in ("signalled", "pending")  # a cell just begun is settling
        gate.touch()
        lines = kernel.read_until(is_over(request))
    messages = [line.message for line in lines if isinstance(line, LogMessage)]
    shown = [m.content["data"]["text/plain"] for m in messages if m.msg_type == "display_data"]
    assert [int(text.split()[0]) for text in shown] == list(range(len(shown)))
    (told,) = [m.content["text"] for m in messages if m.msg_type == "stream"]
    assert len(shown) - int(told.split()[0]) in (0, 1)
