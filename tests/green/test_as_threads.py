"""Greenlets that stand for threads are threads for whoever looks, under the patch, each program in a fresh process."""

import subprocess
import sys
import textwrap

import pytest

CASES = {
    "a callee greenlet is its caller's thread": """
        import threading
        from greenlet import greenlet
        seen, rlock = threading.local(), threading.RLock()
        def thread():
            seen.value = 1
            with rlock:
                def callee():
                    me = threading.current_thread()
                    time.sleep(0)
                    with rlock:  # it has it already
                        return me, threading.get_ident(), seen.value, rlock._is_owned()
                # One inside the other, too.
                found = greenlet(lambda: greenlet(callee).switch()).switch()
                assert found == (threading.current_thread(), threading.get_ident(), 1, True), found
        for run in (thread, lambda: one.start() or one.join()):
            one = threading.Thread(target=thread)
            run()
        assert threading.active_count() == 1, threading.enumerate()
    """,
    "a thread that a callee starts is another one": """
        import threading
        from greenlet import greenlet
        def callee():
            idents = []
            one = threading.Thread(target=lambda: idents.append(threading.get_ident()))
            one.start()
            one.join()
            return idents[0]
        assert greenlet(callee).switch() != threading.get_ident()
    """,
    "a callee greenlet of a task is that task": """
        import asyncio
        from greenlet import greenlet
        async def main():
            right = asyncio.get_running_loop(), asyncio.current_task(), asyncio.get_event_loop()
            def callee():
                return asyncio.get_running_loop(), asyncio.current_task(), asyncio.get_event_loop()
            assert greenlet(callee).switch() == right
            assert greenlet(lambda: asyncio.ensure_future(asyncio.sleep(0))).switch().get_loop() is right[0]
        asyncio.run(main())
    """,
}


@pytest.mark.parametrize("name", CASES)
def test_it(name):
    program = "import celadon\nceladon.patch_all()\nimport time\n" + textwrap.dedent(CASES[name])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
