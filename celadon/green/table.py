"""What is patched, as one table: keyword of ``patch_all`` -> standard library object -> attribute -> replacement."""

from __future__ import annotations

import selectors
from typing import Any

from . import select, socket, ssl, time

TABLE: dict[str, dict[str, dict[str, Any]]] = {
    "socket": {"socket": {name: getattr(socket, name) for name in socket.__all__}},
    "ssl": {"ssl.SSLContext": {"sslsocket_class": ssl.SSLSocket}},
    "time": {"time": {"sleep": time.sleep}},
    "select": {
        "select": {name: getattr(select, name) for name in select.__all__},
        "selectors.SelectSelector": {"_select": staticmethod(select.select)},
        "selectors.PollSelector": {"_selector_cls": select.poll},
        **({"selectors.EpollSelector": {"_selector_cls": select.epoll}} if hasattr(selectors, "EpollSelector") else {}),
    },
}
