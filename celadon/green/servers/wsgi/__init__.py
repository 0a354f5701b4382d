"""An HTTP/1.1 server for WSGI applications, by gevent's names. It needs httptools: ``pip install 'celadon[serve]'``."""

from .access_log import LoggingLogAdapter
from .environ import Environ, SecureEnviron, WSGISecureEnviron
from .errors import BadRequest, BodyError, ClientGone
from .file_wrapper import FileWrapper
from .limits import Limits
from .wsgi_handler import WSGIHandler
from .wsgi_server import WSGIServer

__all__ = [
    "BadRequest",
    "BodyError",
    "ClientGone",
    "Environ",
    "FileWrapper",
    "Limits",
    "LoggingLogAdapter",
    "SecureEnviron",
    "WSGIHandler",
    "WSGISecureEnviron",
    "WSGIServer",
]
