"""Ordinary blocking programs over real libraries, each run by ``python -m celadon`` in a process of its own.

They know nothing of greenlets: they start ``threading`` threads and wait for them. An argument ``name=value`` tells
where the servers are.
"""

import sys
import threading
import time

#: How many calls a program has in flight, and how long the server takes for each.
MANY, SLOW = 30, 0.2


def arguments():
    """The program's own arguments, as a dict."""
    return dict(word.split("=", 1) for word in sys.argv[1:])


def raised(kind, call, *args, **kwargs):
    """The error of ``kind`` that the call fails with; AssertionError if it does not."""
    try:
        call(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def at_once(call, many=MANY, slow=SLOW):
    """``call(n)`` in ``many`` threads at once; gives the results in order.

    Each call takes the server ``slow`` seconds. AssertionError unless all of them together took less than they take one
    after the other (on a quiet machine it is a tenth), another thread ran meanwhile, and no thread was the system's.
    """
    results, errors, natives = [None] * many, [], set()
    running = True
    ticks = 0

    def one(n):
        natives.add(threading.get_native_id())
        try:
            results[n] = call(n)
        except BaseException as error:  # (told below)
            errors.append(error)

    def tick():
        nonlocal ticks
        while running:
            time.sleep(0.01)
            ticks += 1

    ticking = threading.Thread(target=tick)
    threads = [threading.Thread(target=one, args=(n,)) for n in range(many)]
    begin = time.monotonic()
    for thread in [ticking, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begin
    running = False
    ticking.join()
    if errors:
        raise errors[0]
    assert natives == {threading.get_native_id()}, "the threads are greenlets"
    assert took >= slow * 0.9, f"the calls took {took:.2f} s, less than one of them takes"
    assert took < many * slow * 0.9, f"{many} calls of {slow} s took {took:.2f} s: one after the other"
    assert ticks >= 5, f"nothing else ran during {took:.2f} s: {ticks} ticks"
    print(f"{many} calls of {slow} s took {took:.2f} s, {ticks} ticks")
    return results
