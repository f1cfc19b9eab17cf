"""Which proxy a request takes, as httpx reads the environment. Its credentials are never shown."""

from __future__ import annotations

from urllib.parse import urlsplit

from .hosts import is_loopback


def proxy_for(url: str) -> str:
    """``host:port`` of it; "" for none."""
    from urllib.request import proxy_bypass

    host = urlsplit(url).hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return ""
    proxy = _configured(url)
    written = proxy if "//" in proxy else f"//{proxy}"
    return urlsplit(written).netloc.rpartition("@")[2]


def any_proxy(url: str) -> bool:
    """Whether there may be one: httpx reads ``NO_PROXY`` in its own way."""
    return bool(_configured(url))


def _configured(url: str) -> str:
    from urllib.request import getproxies  # with http.client: a kernel needs neither

    proxies = getproxies()
    return proxies.get(urlsplit(url).scheme) or proxies.get("all") or ""
