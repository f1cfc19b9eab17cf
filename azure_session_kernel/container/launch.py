"""The file that the interpreter's process runs.

Not ``python -m``, which would import the user's files in place of modules of the same name. And not
``python -c``: a debugger would show that line below the user's code, while it hides this file, as
it hides every module that was there before the user's code.

Of this project it takes what lies beside it, so that another Python than the adapter's needs only
ipykernel, and is of the adapter's version whatever the user has installed there.
"""

import importlib.util
import sys
from pathlib import Path


def _take_package() -> None:
    folder = Path(__file__).parents[1]
    init = folder / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        folder.name, init, submodule_search_locations=[str(folder)]
    )
    if spec is not None and spec.loader is not None:
        package = importlib.util.module_from_spec(spec)
        sys.modules[folder.name] = package
        spec.loader.exec_module(package)


if __name__ == "__main__":
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]  # this folder
    _take_package()
    from azure_session_kernel.container.interpreter import main

    main()
