"""What ipywidgets does through a kernel: create, change from either side, show, close."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from .case import Case, Section
from .front import Front
from .widget_table import WIDGETS, Widget

CORE_WIDGETS: Final = Section(
    "Core widgets",
    "Each is made and displayed, changed by the front end (with the echo of its state, and the "
    "handler that Python has registered), changed by a cell, asked for its state, closed. "
    "Compared are all comm messages with their buffers, and the value in Python.",
    ("widget", "what changes"),
)
WIDGET_USES: Final = Section(
    "Uses of widgets",
    "Compared as the messages are.",
    ("use", "what is done"),
)
case = WIDGET_USES.case

PREPARE: Final = "import datetime, ipywidgets as w\nfrom IPython.display import display"


def update(front: Front, model_id: str, state: dict[str, Any], **options: Any) -> Any:
    """What a front end sends when a person moves something."""
    paths = options.pop("paths", [])
    data = {"method": "update", "state": state, "buffer_paths": paths}
    return front.ask("comm_msg", {"comm_id": model_id, "data": data}, **options)


def _live(widget: Widget, front: Front) -> Any:
    front.cell(PREPARE)
    made = front.cell(
        f"one = {widget.make}\n"
        f"one.observe(lambda change: print('now', repr(change.new)[:80]), {widget.key!r})\n"
        "display(one)"
    )
    assert made.content["status"] == "ok", made.content
    model_id = front.value("one.comm.comm_id").strip("'")
    moved = update(
        front,
        model_id,
        {} if widget.sent is None else {widget.key: widget.sent},
        paths=list(widget.paths),
        buffers=widget.buffers,
    )
    moved_to = front.value(f"(lambda v: (len(repr(v)), repr(v)[:200]))(one.{widget.key})")
    set_here = front.cell(f"one.set_trait({widget.key!r}, {widget.set})")
    assert set_here.content["status"] == "ok", set_here.content
    asked = front.ask("comm_msg", {"comm_id": model_id, "data": {"method": "request_state"}})
    closed = front.cell("one.close()\nw.Widget.close_all()")
    return [
        *(exchange.seen() for exchange in (made, moved, set_here, asked, closed)),
        moved_to,
        front.ask("comm_info_request", {"target_name": "jupyter.widget"}).seen(),
    ]


CORE_WIDGETS.cases += [
    Case(f"`{widget.name}`", f"`{widget.key}`", partial(_live, widget)) for widget in WIDGETS
]


# -- uses -----------------------------------------------------------------------------------------


@case("`interact`", "the function runs again with each value, its output replaces the last")
def _(front: Front) -> Any:
    front.cell(PREPARE)
    made = front.cell(
        "@w.interact(x=(0, 9), on=False, kind=['a', 'b'])\n"
        "def shown(x, on, kind):\n    print('x is', x, on, kind)\n    return x * x"
    )
    sliders = "[m for m in w.widget._instances.values() if isinstance(m, w.IntSlider)]"
    model_id = front.value(f"{sliders}[0].comm.comm_id").strip("'")
    moved = [update(front, model_id, {"value": value}).seen() for value in (2, 7)]
    return made.seen(), moved, front.cell("w.Widget.close_all()").seen()


@case("`interact_manual`, `interactive`", "a button runs the function")
def _(front: Front) -> Any:
    front.cell(PREPARE)
    made = front.cell("@w.interact_manual(x=3)\ndef shown(x):\n    print('x is', x)")
    button = "[m for m in w.widget._instances.values() if isinstance(m, w.Button)][0]"
    model_id = front.value(f"{button}.comm.comm_id").strip("'")
    data = {"method": "custom", "content": {"event": "click"}}
    clicked = front.ask("comm_msg", {"comm_id": model_id, "data": data}).seen()
    return made.seen(), clicked, front.cell("w.Widget.close_all()").seen()


@case("`Output`", "captures prints, displays and errors; cleared")
def _(front: Front) -> Any:
    front.cell(PREPARE)
    codes = (
        "out = w.Output()\ndisplay(out)",
        "with out:\n    print('captured')\n    display('shown')\nprint('not captured')",
        "with out:\n    1 / 0",
        "out.clear_output()\nout.append_stdout('appended')\nout.outputs",
        "@out.capture(clear_output=True)\ndef said():\n    print('again')\nsaid()",
        "w.Widget.close_all()",
    )
    return [front.cell(code).seen() for code in codes]


@case("`Button.on_click`", "prints belong to the click, and a handler's error is shown")
def _(front: Front) -> Any:
    front.cell(PREPARE)
    front.cell(
        "button = w.Button()\n"
        "clicks = []\n"
        "def clicked(_):\n    clicks.append(1)\n    print('click', len(clicks))\n"
        "    if len(clicks) == 2: raise RuntimeError('twice')\n"
        "button.on_click(clicked)\nbutton"
    )
    model_id = front.value("button.comm.comm_id").strip("'")
    data = {"method": "custom", "content": {"event": "click"}}
    message = {"comm_id": model_id, "data": data}
    seen = [front.ask("comm_msg", message).seen() for _ in range(3)]
    for one in seen:
        # Its frames are those of the interpreter, and what writes them may be unfinished.
        one["iopub"] = [m for m in one["iopub"] if m["content"].get("name") != "stderr"]
    return seen, front.cell("w.Widget.close_all()").seen()


@case("`FloatProgress`", "moves while the cell runs; each step is a message of that cell")
def _(front: Front) -> Any:
    front.cell(PREPARE)
    return [
        front.cell(
            "import time\nbar = w.FloatProgress(max=5)\ndisplay(bar)\n"
            "for n in range(6):\n    bar.value = n\n    time.sleep(0.02)"
        ).seen(),
        front.cell("w.Widget.close_all()").seen(),
    ]


@case("`tqdm.notebook`", "the bar's widgets and its end; rates and times are left out")
def _(front: Front) -> Any:
    made = front.cell(
        "from tqdm.notebook import tqdm\n"
        "form = '{l_bar}{bar}{n}/{total}'\n"
        "for n in tqdm(range(4), desc='tasks', bar_format=form, mininterval=0):\n    pass"
    )
    assert made.of_type("comm_open")
    return made.seen(), front.cell("import ipywidgets as w; w.Widget.close_all()").seen()


@case("`link`, `dlink`", "in Python: one moves the other")
def _(front: Front) -> Any:
    front.cell(PREPARE)
    front.cell(
        "a, b, c = w.IntSlider(), w.IntText(), w.IntText()\n"
        "links = w.link((a, 'value'), (b, 'value')), w.dlink((a, 'value'), (c, 'value'))"
    )
    model_id = front.value("a.comm.comm_id").strip("'")
    moved = update(front, model_id, {"value": 9}).seen()
    return moved, front.value("b.value, c.value"), front.cell("w.Widget.close_all()").seen()


@case("`Output` and a thread", "a thread shows in a widget after its cell")
def _(front: Front) -> Any:
    front.cell(PREPARE)
    front.cell(
        "import threading\nlabel, done = w.Label(), threading.Event()\n"
        "def work():\n    go.wait(100)\n    label.value = 'from a thread'\n    done.set()\n"
        "go = threading.Event()\nthreading.Thread(target=work).start()"
    )
    seen = front.cell("go.set()\n_ = done.wait(100)").seen()
    return seen, front.cell("w.Widget.close_all()").seen()


@case("`ipympl`", "`%matplotlib widget`: the figure's model, a press of its home button")
def _(front: Front) -> Any:
    made = front.cell(
        "%matplotlib widget\nimport matplotlib.pyplot as plt\n"
        "figure, axes = plt.subplots(num='f', figsize=(2, 2))\naxes.plot([1, 4, 9])\nfigure.canvas"
    )
    assert made.content["status"] == "ok", made.content
    # Else the cursor is a clock for a while, whenever the last drawing is a second old.
    front.cell(
        "import contextlib\nfigure.canvas.toolbar._wait_cursor_for_draw_cm = contextlib.nullcontext"
    )
    model_id = front.value("figure.canvas.comm.comm_id").strip("'")
    for kind in ("send_image_mode", "refresh", "initialized"):
        front.ask("comm_msg", _custom(model_id, {"type": kind}))
    drawn = front.ask("comm_msg", _custom(model_id, {"type": "draw"}))
    pressed = front.ask("comm_msg", _custom(model_id, {"type": "toolbar_button", "name": "home"}))
    closed = front.cell("plt.close(figure)\nimport ipywidgets as w; w.Widget.close_all()")
    front.cell("%matplotlib inline")
    return [one.seen() for one in (made, drawn, pressed, closed)]


def _custom(model_id: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"comm_id": model_id, "data": {"method": "custom", "content": content}}
