"""Two threads, each with a trio.run of its own, end cleanly; then the main thread has one as well."""

import signal
import threading

import trio

ended = []
before = signal.getsignal(signal.SIGINT)


async def main(name):
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(trio.sleep, 0.01)
        assert await trio.to_thread.run_sync(threading.get_ident) != threading.get_ident()
    ended.append(name)


threads = [threading.Thread(target=trio.run, args=(main, name)) for name in "ab"]
for one in threads:
    one.start()
for one in threads:
    one.join()
trio.run(main, "c")
assert sorted(ended) == ["a", "b", "c"], ended
assert signal.getsignal(signal.SIGINT) is before
assert signal.set_wakeup_fd(-1) == -1
