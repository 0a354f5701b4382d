"""What other libraries take from ``gevent._fileobjectcommon``."""

from .fileobject import FileObjectBlock, FileObjectThread

FileObjectClosed = OSError(9, "Bad file descriptor (FileObject was closed)")

__all__ = ["FileObjectBlock", "FileObjectClosed", "FileObjectThread"]
