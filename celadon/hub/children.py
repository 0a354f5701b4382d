"""Waiting for child processes, from any thread: by pidfd, which is readable once the child has ended.

Where there is no pidfd (macOS, an old kernel), or the pid stands for several children, the kernel is asked again and
again, at most every 50 ms.
"""

from __future__ import annotations

import errno
import os

from .loop.current import get_hub
from .waiting.fds import wait_readable
from .waiting.park import sleep
from .waiting.timeouts import NotReady

_pidfd_open = getattr(os, "pidfd_open", None)
_waitpid = os.waitpid
_close = os.close

_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05

# Options for states that a pidfd does not report.
_STOPS = getattr(os, "WUNTRACED", 0) | getattr(os, "WCONTINUED", 0)


def wait_pid(pid: int, options: int = 0, timeout: float | None = None) -> tuple[int, int]:
    """``os.waitpid(pid, options)``, letting other greenlets run: the pid and the status, see waitpid(2).

    Raises ChildProcessError when there is no such child (or somebody else has waited for it), NotReady, a builtin
    TimeoutError, after ``timeout`` seconds. A kill or a Timeout leaves the child unwaited for. From any thread.
    """
    found = _waitpid(pid, options | os.WNOHANG)
    if found[0] or options & os.WNOHANG:
        return found
    deadline = None if timeout is None else get_hub().now() + timeout
    if pid > 0 and not options & _STOPS and _pidfd_open is not None:
        try:
            fd = _pidfd_open(pid)
        except OSError as error:
            if error.errno == errno.ESRCH:  # it has ended, and been waited for, just now
                return _waitpid(pid, options | os.WNOHANG)
            if error.errno not in (errno.ENOSYS, errno.EPERM, errno.EMFILE, errno.ENFILE):
                raise
        else:
            return _wait_readable(pid, options, fd, timeout)
    pause = _FIRST_PAUSE
    while True:
        rest = pause if deadline is None else min(pause, deadline - get_hub().now())
        if rest <= 0:
            raise NotReady(timeout, f"child {pid}")
        sleep(rest)
        pause = min(pause * 2, _LONGEST_PAUSE)
        found = _waitpid(pid, options | os.WNOHANG)
        if found[0]:
            return found


def _wait_readable(pid: int, options: int, fd: int, timeout: float | None) -> tuple[int, int]:
    try:
        wait_readable(fd, timeout)
    except TimeoutError:
        raise NotReady(timeout, f"child {pid}") from None
    finally:
        _close(fd)
    return _waitpid(pid, options)


__all__ = ["wait_pid"]
