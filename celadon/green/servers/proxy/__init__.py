"""A guarded way out for every client: ``celadon proxy`` and its library. It needs httptools: ``celadon[proxy]``."""

from .client_settings import ClientSettings
from .destinations import Destinations
from .guarded_proxy import GuardedProxy
from .proxy_log import ProxyStatistics
from .proxy_server import ProxyLimits, ProxyServer, proxy_sections

__all__ = [
    "ClientSettings",
    "Destinations",
    "GuardedProxy",
    "ProxyLimits",
    "ProxyServer",
    "ProxyStatistics",
    "proxy_sections",
]
