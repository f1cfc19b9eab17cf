"""The public suite for Jupyter kernels, every sample it knows filled in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, ClassVar

import jupyter_kernel_test  # type: ignore[import-untyped,unused-ignore]
import pytest

from ..conftest import RunningPool

#: The same samples for another kernel: ``XKERNEL=python3 pytest`` shows what ipykernel does.
KERNEL_NAME = os.environ.get("XKERNEL", "azure-session")


# The suite's kernels inherit this process's environment.
@pytest.fixture(scope="module", autouse=True)
def kernels_find_the_pool(local_pool: RunningPool) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in local_pool.env.items():
            patch.setenv(name, value)
        yield


class TestKernel(jupyter_kernel_test.KernelTests):  # type: ignore[misc,unused-ignore]
    kernel_name = KERNEL_NAME
    language_name = "python"
    file_extension = ".py"

    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples: ClassVar[list[dict[str, Any]]] = [
        {"text": "zi", "matches": {"zip"}},
        {"text": "import collections.ab", "matches": {"collections.abc"}},
    ]
    complete_code_samples: ClassVar[list[str]] = [
        "1",
        "print('hello, world')",
        "def f(x):\n  return x*2\n\n\n",
    ]
    incomplete_code_samples: ClassVar[list[str]] = [
        "print('''hello",
        "def f(x):\n  x*2",
        "for i in range(3):",
    ]
    invalid_code_samples: ClassVar[list[str]] = ["import = 7q", "print(]"]
    code_page_something = "zip?"
    code_generate_error = "raise ValueError('on purpose')"
    code_execute_result: ClassVar[list[dict[str, Any]]] = [
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
        {
            "code": "from IPython.display import HTML; HTML('<b>test</b>')",
            "result": "<b>test</b>",
            "mime": "text/html",
        },
    ]
    code_display_data: ClassVar[list[dict[str, Any]]] = [
        {"code": f"from IPython.display import *; display({shown})", "mime": mime}
        for shown, mime in (
            ("HTML('<b>test</b>')", "text/html"),
            ("Markdown('*test*')", "text/markdown"),
            ("Math(r'\\frac{1}{2}')", "text/latex"),
            ("Latex('$a$')", "text/latex"),
            ("SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>')", "image/svg+xml"),
            ("Javascript('1')", "application/javascript"),
            ("JSON({'a': 1})", "application/json"),
            ("Image(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(30), format='png')", "image/png"),
            ("Image(b'\\xff\\xd8\\xff\\xe0' + bytes(30), format='jpeg')", "image/jpeg"),
        )
    ]
    code_history_pattern = "1?2*"
    # The suite's "range" expects session 1, and ipykernel says 0: it is checked in test_outputs.py.
    supported_history_operations = ("tail", "search")
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"


class TestIopubWelcome(jupyter_kernel_test.IopubWelcomeTests):  # type: ignore[misc,unused-ignore]
    kernel_name = KERNEL_NAME
    support_iopub_welcome = True
