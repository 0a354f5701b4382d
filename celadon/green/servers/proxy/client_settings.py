"""What each kind of client is given to go through a proxy: flags, variables, dictionaries. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True)
class ClientSettings:
    """The proxy at ``address``, host and port or the path of a Unix socket; with ``user`` and ``password`` if asked."""

    address: Any
    user: str | None = None
    password: str | None = None

    def _url(self, scheme: str, login: bool = True) -> str:
        if not isinstance(self.address, tuple):
            raise ValueError(f"the proxy is at the Unix socket {self.address}: this client needs a port")
        host, port = self.address[:2]
        who = f"{quote(self.user, '')}:{quote(self.password or '', '')}@" if login and self.user is not None else ""
        return f"{scheme}://{who}{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``: for HTTP by whole URLs and CONNECT."""
        return self._url("http")

    @property
    def socks_url(self) -> str:
        """``socks5h://127.0.0.1:PORT``: the ``h``: the proxy looks names up. For curl, of a Unix socket too."""
        if not isinstance(self.address, tuple):
            return f"socks5h://localhost/{str(self.address).lstrip('/')}"
        return self._url("socks5h")

    @property
    def env(self) -> dict[str, str]:
        """The variables that most clients read; nothing passes by the proxy, loopback included."""
        names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        return {**dict.fromkeys(names, self.url), "no_proxy": "", "NO_PROXY": ""}

    @property
    def curl(self) -> list[str]:
        """Options of curl: by HTTP and CONNECT, or by SOCKS at a Unix socket."""
        return ["--proxy", self.url if isinstance(self.address, tuple) else self.socks_url, "--noproxy", ""]

    @property
    def requests(self) -> dict[str, str]:
        """For ``requests.get(url, proxies=…)``. Set ``session.trust_env = False``, or NO_PROXY may lead past it."""
        return {"http": self.url, "https": self.url}

    @property
    def chromium(self) -> list[str]:
        """Flags of Chromium and Chrome.

        Without the bypass list Chromium goes to loopback by itself; QUIC and WebRTC would use UDP, past any proxy.
        Chromium takes no password by a flag.
        """
        return [
            f"--proxy-server={self._url('http', login=False)}",
            "--proxy-bypass-list=<-loopback>",
            "--disable-quic",
            "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
            "--webrtc-ip-handling-policy=disable_non_proxied_udp",
        ]

    @property
    def playwright(self) -> dict[str, str]:
        """For Playwright's ``launch(proxy=…)`` or ``new_context(proxy=…)``.

        Give ``launch(args=…)`` the other flags of ``chromium`` as well.
        """
        made = {"server": self._url("http", login=False), "bypass": "<-loopback>"}
        return made if self.user is None else {**made, "username": self.user, "password": self.password or ""}

    @property
    def crawlee(self) -> list[str]:
        """For Crawlee's ``ProxyConfiguration(proxy_urls=…)``."""
        return [self.url]
