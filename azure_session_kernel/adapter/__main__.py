"""See ``container/__main__.py``."""

from __future__ import annotations

from ..container.__main__ import main

if __name__ == "__main__":
    main()
