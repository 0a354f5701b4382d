"""Finalizers that run as the interpreter ends find locks, locals, queues, pipes and sleep as without the patch."""

import subprocess
import sys

PROGRAM = """
from celadon import patch_all
patch_all(sys=True)
import os, queue, threading, time

class Late:
    def __init__(self):
        self.lock, self.queue, self.pipe = threading.RLock(), queue.Queue(1), os.pipe()
        self.local = threading.local()
        self.local.text = b"late"

    def __del__(self, os=os, time=time, event=threading.Event):
        with self.lock:
            self.queue.put(1)
            self.queue.get()
        os.write(self.pipe[1], b"x")
        os.read(self.pipe[0], 1)
        time.sleep(0.001)
        event().wait(0.001)
        os.write(1, self.local.text)

late = Late()
print("x" * 200_000, end="")
"""


def test_finalizers_and_what_standard_output_holds_back():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == ""
    assert done.stdout == "x" * 200_000 + "late"
