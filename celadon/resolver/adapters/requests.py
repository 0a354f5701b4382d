"""requests: an adapter to mount, whose connections look their hosts up with a resolver of ours (see ``urllib3``)."""

from __future__ import annotations

from typing import Any

import requests.adapters

from .urllib3 import equip


class Adapter(requests.adapters.HTTPAdapter):
    """For requests: ``session.mount("http://", Adapter(resolver))``, and the same for ``https://``.

    ``resolver`` is a ResolverThread, or under ``patch_all`` a CrawlerResolver; the rest is HTTPAdapter's.
    """

    def __init__(self, resolver: Any, *args: Any, **kwargs: Any) -> None:
        self._resolver = resolver
        super().__init__(*args, **kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """See ``HTTPAdapter.init_poolmanager``."""
        super().init_poolmanager(*args, **kwargs)
        equip(self.poolmanager, self._resolver)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """See ``HTTPAdapter.proxy_manager_for``: of a proxy, its own address is looked up, and no other.

        InvalidProxyURL for a SOCKS proxy, to which PySocks connects, past the resolver and its guard.
        """
        made = super().proxy_manager_for(*args, **kwargs)
        try:
            return equip(made, self._resolver)
        except ValueError as error:
            raise requests.exceptions.InvalidProxyURL(str(error)) from None
