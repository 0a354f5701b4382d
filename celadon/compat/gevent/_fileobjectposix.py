"""What other libraries take from ``gevent._fileobjectposix``."""

from .fileobject import FileObjectPosix

__all__ = ["FileObjectPosix"]
