"""mkdocs hook: the repository's own pages are on the site, too, and links work in both places.

README.md, CONTRIBUTING.md and so on stay where GitHub shows them. There, a page of ``docs/`` has
the link ``[settings](../README.md#settings)``; on the site that is ``start.md#settings``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
#: In the repository, and on the site.
PAGES = {
    "README.md": "start.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "reporting.md",
    "LICENSE": "LICENSE",
}
_LINK = re.compile(r"(\]\()(\.\./|docs/)?([^)#:]*)(?=[)#])")


def on_files(files: Files, *, config: Any) -> Files:
    for name, site_name in PAGES.items():
        files.append(File.generated(config, site_name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    at_root = page.file.src_uri in PAGES.values()

    def on_site(link: re.Match[str]) -> str:
        """``](../README.md`` of a page in docs/; ``](docs/pools.md``, ``](LICENSE`` of others."""
        opening, folder, name = link.groups(default="")
        if at_root and folder == "docs/":
            return opening + name
        in_root = folder == ("" if at_root else "../")
        return opening + PAGES[name] if in_root and name in PAGES else link[0]

    return _LINK.sub(on_site, markdown)
