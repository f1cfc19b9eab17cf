"""Every core widget of ipywidgets, and a value of it that either side can change.

Values travel as ipywidgets' JavaScript sends them: a date is an object with a month from 0, a
selection an index, bytes are buffers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Widget:
    """
    :ivar make: the expression that makes one; ``w`` is ipywidgets.
    :ivar key: the trait that changes, ``sent`` by the front end, ``set`` by a cell (an expression).
    :ivar paths: where in ``sent`` the ``buffers`` belong.
    """

    make: str
    key: str
    sent: Any
    set: str
    paths: tuple[list[str | int], ...] = ()
    buffers: tuple[bytes, ...] = ()

    @property
    def name(self) -> str:
        return self.make.partition("(")[0].removeprefix("w.")


PNG: Final = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
_DAY: Final = {"year": 2024, "month": 1, "date": 29}
_TIME: Final = {"hours": 13, "minutes": 5, "seconds": 6, "milliseconds": 7}
_FILE: Final = {"name": "a.csv", "type": "text/csv", "size": 3, "last_modified": 1700000000000}
_OPTIONS: Final = "options=['a', 'b', 'c']"
_PAIR: Final = "children=[w.IntSlider(), w.Text()]"
_ZONE: Final = "datetime.timezone.utc"

WIDGETS: Final = (
    # Numbers
    Widget("w.IntSlider(value=3, min=-5, max=9)", "value", 7, "-2"),
    Widget("w.FloatSlider(value=1.5)", "value", 2.5, "3.25"),
    Widget("w.FloatLogSlider(value=10)", "value", 100.0, "1000"),
    Widget("w.IntRangeSlider(value=(1, 4))", "value", [2, 5], "(3, 6)"),
    Widget("w.FloatRangeSlider(value=(1, 4))", "value", [2.5, 5.0], "(3, 6)"),
    Widget("w.IntProgress(value=1)", "value", 2, "3"),
    Widget("w.FloatProgress(value=0.1, max=1.0)", "value", 0.5, "0.9"),
    Widget("w.BoundedIntText(value=1, max=9)", "value", 8, "99"),
    Widget("w.BoundedFloatText(value=1, max=9)", "value", 8.5, "99"),
    Widget("w.IntText(value=1)", "value", 2, "3"),
    Widget("w.FloatText(value=1)", "value", 2.5, "3"),
    Widget("w.Play(value=1)", "value", 2, "3"),
    # Booleans
    Widget("w.Checkbox(description='Yes?')", "value", True, "False"),
    Widget("w.ToggleButton(description='On')", "value", True, "False"),
    Widget("w.Valid(value=True)", "value", False, "True"),
    # Selections
    Widget(f"w.Dropdown({_OPTIONS})", "index", 1, "2"),
    Widget(f"w.RadioButtons({_OPTIONS})", "index", 1, "2"),
    Widget(f"w.Select({_OPTIONS})", "index", 1, "2"),
    Widget(f"w.SelectMultiple({_OPTIONS})", "index", [0, 2], "(1,)"),
    Widget(f"w.SelectionSlider({_OPTIONS})", "index", 1, "2"),
    Widget(f"w.SelectionRangeSlider({_OPTIONS})", "index", [0, 1], "(1, 2)"),
    Widget(f"w.ToggleButtons({_OPTIONS})", "index", 1, "2"),
    Widget("w.TagsInput(value=['a'])", "value", ["a", "b"], "['c']"),
    Widget("w.ColorsInput(value=['red'])", "value", ["red", "#00ff00"], "['blue']"),
    Widget("w.IntsInput(value=[1])", "value", [1, 2], "[3]"),
    Widget("w.FloatsInput(value=[1.5])", "value", [1.5, 2.5], "[3.5]"),
    # Text
    Widget("w.Text(value='a')", "value", "Zo\u00eb \U0001f422", "'c'"),
    Widget("w.Textarea(value='a')", "value", "b\n\u2028c", "'c'"),
    Widget("w.Password(value='a')", "value", "b", "'c'"),
    Widget(f"w.Combobox({_OPTIONS})", "value", "b", "'other'"),
    Widget("w.Label(value='a')", "value", "b", "'c'"),
    Widget("w.HTML(value='<b>a</b>')", "value", "b", "'c'"),
    Widget("w.HTMLMath(value='$a$')", "value", "b", "'c'"),
    # Pickers
    Widget("w.ColorPicker(value='red')", "value", "#00ff00", "'blue'"),
    Widget("w.DatePicker()", "value", _DAY, "datetime.date(2025, 12, 31)"),
    Widget("w.TimePicker()", "value", _TIME, "datetime.time(1, 2, 3)"),
    Widget(
        "w.DatetimePicker()",
        "value",
        _DAY | _TIME,
        f"datetime.datetime(2025, 1, 2, tzinfo={_ZONE})",
    ),
    Widget("w.NaiveDatetimePicker()", "value", _DAY | _TIME, "datetime.datetime(2025, 1, 2, 3)"),
    # Bytes
    Widget("w.Image(value=b'GIF89a')", "value", None, "b'\\xff' * 9", (["value"],), (PNG,)),
    Widget("w.Audio(value=b'ID3')", "value", None, "b'\\xff' * 9", (["value"],), (PNG * 8,)),
    Widget(
        "w.Video(value=b'\\0')", "value", None, "b'\\xff' * 2_000_000", (["value"],), (PNG * 8000,)
    ),
    Widget("w.FileUpload()", "value", [_FILE], "()", (["value", 0, "content"],), (b"a\n1",)),
    # Containers
    Widget(f"w.Box({_PAIR})", "box_style", "info", "'danger'"),
    Widget(f"w.HBox({_PAIR})", "box_style", "info", "'danger'"),
    Widget(f"w.VBox({_PAIR})", "box_style", "info", "'danger'"),
    Widget(f"w.GridBox({_PAIR})", "box_style", "info", "'danger'"),
    Widget(f"w.Accordion({_PAIR}, titles=['a', 'b'])", "selected_index", 1, "None"),
    Widget(f"w.Tab({_PAIR}, titles=['a', 'b'])", "selected_index", 1, "0"),
    Widget(f"w.Stack({_PAIR})", "selected_index", 1, "0"),
    Widget(
        "w.TwoByTwoLayout(top_left=w.Button(), bottom_right=w.Text())", "box_style", "info", "''"
    ),
    Widget("w.AppLayout(header=w.Label(), center=w.Text())", "box_style", "info", "''"),
    Widget("w.GridspecLayout(2, 2)", "box_style", "info", "''"),
    # The rest
    Widget("w.Button(description='Go')", "description", "Went", "'Gone'"),
    Widget("w.Output()", "msg_id", "", "''"),
    Widget("w.Controller(index=1)", "connected", True, "False"),
    Widget("w.widget_controller.Axis()", "value", 0.5, "0.7"),
    Widget("w.widget_controller.Button()", "value", 0.5, "0.7"),
    Widget("w.jslink((w.IntText(), 'value'), (w.IntText(), 'value'))", "_view_count", 1, "2"),
    Widget("w.jsdlink((w.IntText(), 'value'), (w.IntText(), 'value'))", "_view_count", 1, "2"),
    Widget("w.Layout(width='50%')", "width", "10px", "'20px'"),
    *(
        Widget(f"w.{name}()", key, "10px", "'20px'")
        for name, key in {
            "ButtonStyle": "font_size",
            "widget_bool.CheckboxStyle": "description_width",
            "widget_bool.ToggleButtonStyle": "description_width",
            "widget_description.DescriptionStyle": "description_width",
            "widget_string.HTMLStyle": "font_size",
            "widget_string.HTMLMathStyle": "font_size",
            "widget_string.LabelStyle": "font_size",
            "widget_string.TextStyle": "font_size",
            "SliderStyle": "description_width",
            "widget_int.ProgressStyle": "description_width",
            "ToggleButtonsStyle": "button_width",
        }.items()
    ),
)
