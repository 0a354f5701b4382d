"""Tests that each run one process and look at how it ended: two of the processes run at once.

What waits in one process, or imports, leaves a core idle: a file of such tests takes half the time.
"""

from concurrent.futures import ThreadPoolExecutor


def results(request, test, run):
    """The cases of a parametrized test that were selected: id -> the future of ``run(**parameters)``, which has ended.

    For a fixture of the module: it is made before the first test, so what that test leaves open is still noticed. The
    first test's time is that of all, so they need a ``timeout`` mark for all.
    """
    cases = [one for one in request.session.items if one.module is request.module and one.originalname == test]
    with ThreadPoolExecutor(2) as pool:
        return {one.callspec.id: pool.submit(run, **one.callspec.params) for one in cases}
