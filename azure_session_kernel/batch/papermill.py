"""papermill's engine ``azure-session``: ``papermill --engine azure-session IN OUT``.

papermill imports this with itself, wherever both are installed, so that costs as little as it can.
"""

from __future__ import annotations

from typing import Any

from papermill.engines import NBClientEngine  # type: ignore[import-untyped,unused-ignore]


class SessionEngine(NBClientEngine):  # type: ignore[misc,unused-ignore]
    """papermill's own engine, with kernels that are a part of its process."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
        """Called by papermill; see ``NBClientEngine``."""
        from .manager import SessionKernelManager

        options["kernel_manager_class"] = SessionKernelManager
        return super().execute_managed_notebook(nb_man, kernel_name, **options)
