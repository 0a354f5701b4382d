# ruff: noqa: E501  (a row is a line)
"""Why a test that the peer passes does not pass here: each difference is judged, and stands here with its reason."""

from fnmatch import fnmatchcase

from .wanted_eventlet import ROWS

#: wanted: we do otherwise on purpose. internals: the test looks at what only the peer's own code has, or at its words.
#: bug: ours, known, to be mended.
KINDS = ("wanted", "internals", "bug")

_LOOP = "gevent's C loop, and objects that its cffi has"
_NO_MODULE = "a private module of gevent"
_NAMES = "private attributes of gevent's class"
_REPR = "another repr"
_TEXT = "another text of an error"
_NO_START = (
    "an application that never calls start_response is answered with 500; gevent leaves the client without an answer"
)
_KEPT = "the standard library's class stays, and parks"

#: peer -> (file, tests, kind, reason): the first row that matches. ``tests`` are names or patterns, with spaces between.
TABLE = {
    "gevent": [
        ("test___config", "TestImportableSetting.* TestResolver.*", "internals", "the classes behind the settings"),
        ("*", "TestCExt.*", "internals", "whether gevent was compiled"),
        ("test___monitor", "TestPeriodicMonitor*", "internals", "the tracer of greenlets inside of the monitoring thread"),
        ("test__hub", "TestPeriodicMonitoringThread.test_kill_removes_trace", "internals", "the tracer of greenlets inside of the monitoring thread"),
        ("test__all__", "Test_gevent__* Test_gevent_libev* Test_gevent_libuv* Test_gevent_monkey_* Test_gevent_resolver__* Test_gevent_win32util.*", "internals", _NO_MODULE),
        ("test__all__", "*test_all_formula", "internals", "skipped: names of ours besides"),
        ("test__execmodules", "Test.test_gevent__* Test.test_gevent_lib* Test.test_gevent_monkey_* Test.test_gevent_resolver__* Test.test_gevent_win32util", "internals", _NO_MODULE),
        ("test__api", "Test.test_sleep_invalid_switch", "wanted", "who left by a bare switch, and is not switched to, is killed at its next wait only"),
        ("test__api_timeout", "*update_now", "internals", "the loop's clock is never old"),
        ("test__ares_host_result", "TestPickle.*", "internals", "the result class of gevent's binding of c-ares"),
        ("test__ares_timeout", "TestTimeout.test", "wanted", "errors and deadlines are libc's with every engine: EAI_AGAIN"),
        ("test__close_backend_fd", "Test.test_epoll_* Test.test_poll_* Test.test_select_*", "internals", _LOOP),
        ("test__core", "TestLibev* TestLibuv*", "internals", _LOOP),
        ("test__core_stat", "TestCoreStat.test_watcher_basics", "internals", "attributes of libev's stat watcher"),
        ("test__destroy", "TestDestroyHub.test_destroy_hub TestDestroyedHubRepr.test_repr_after_destroy", "internals", "hubs and loops made by hand"),
        ("test__environ", "(program)", "internals", "GEVENT_BACKEND names libev's backends; CELADON_POLLER chooses here"),
        ("test__event", "*CrossThread*", "internals", "the loop's methods replaced by the test's"),
        ("test__event", "TestEventBasics.test_wait_while_notifying", "wanted", "a wait for what is set does not let others run"),
        ("test__event", "TestEvent_SetThenClear*", "wanted", "a timer that is late comes before the rest of a crowd of 1,000"),
        ("test__fileobject", "*OpenDescript*", "internals", "the class behind FileObject"),
        ("test__fileobject", "*seek_raises_ioerror", "internals", _NAMES),
        ("test__greenlet", "TestBasic.test_minimal_ident_parent_not_hub", "internals", "where the number is kept"),
        ("test__hub", "TestLoopInterface.*", "internals", "gevent._interfaces, a private module; the loop has all that its ILoop names"),
        ("test__hub_join", "*doesnt_leak*", "internals", _NO_MODULE),
        ("test__issue2013", "TestHublessThreadSemaphore.*", "wanted", "get_ident that was taken before the patch is replaced as well"),
        ("test__iwait", "*nogarbage", "wanted", "a free semaphore is ready at once, not at its next release"),
        ("test__lock", "*dueling_threads*", "internals", _NAMES),
        ("test__semaphore", "*dueling_threads*", "internals", _NAMES),
        ("test__monkey", "TestMonkey.test_os", "wanted", "os.fork is not replaced: a forked child's hub is new by itself"),
        ("test__monkey", "TestMonkey.test_thread TestMonkey.test_patch_queue", "wanted", _KEPT),
        ("test__monkey", "TestMonkey.test_patch_events", "internals", "monkey.saved emptied by the test, so that the same is patched, and told, again"),
        ("test__monkey", "TestMonkey.test_patch_twice*", "internals", "a private key in monkey.saved"),
        ("test__monkey_fork_atomic", "(program)", "internals", "16 Pythons in 2 seconds: too many on a busy machine"),
        ("test__monkey_module_run", "TestRun.test_issue_302", "internals", "that the class is called gevent's"),
        ("test__monkey_module_run", "*threadpool*", "wanted", "in a thread of a pool get_ident is the thread's own"),
        ("test__monkey_select", "TestSelect.test_epoll_removed", "wanted", "select.epoll stays, and parks"),
        ("test__monkey_selectors", "TestSelectors.test_default", "wanted", "selectors.DefaultSelector stays the standard library's, and parks"),
        ("test__monkey_selectors", "TestSelectors.test_selectors_select_is_patched", "internals", "an attribute by which gevent marks its functions"),
        ("test__monkey_sigchld", "(program)", "wanted", "what a signal's handler raises is raised in the main greenlet, as in CPython"),
        ("test__os", "TestOS_nb.test_event_closed*", "internals", "the watchers that nb_read makes"),
        ("test__os", "*waitpid_all", "internals", "a private function that forgets children"),
        ("test__pool", "PoolBasicTests.test_discard *test_imap_unordered_bounded_queue", "internals", _NAMES),
        ("test__pywsgi", "TestInputRaw.*", "internals", "the class behind wsgi.input"),
        ("test__pywsgi", "ChunkedInputTests.test_close_before_finished", "wanted", "a client that goes away is no error of the hub's"),
        ("test__pywsgi", "ChunkedInputTests.test_chunked_readline ChunkedInputTests.test_short_read_with*", "wanted", "Content-Length beside chunked is refused with 400, against smuggling (RFC 9112 section 6.3)"),
        ("test__pywsgi", "ChunkedInputTests.test_dirt", "wanted", "a NUL in a chunk's extension is refused with 400 (RFC 9112 section 7.1.1)"),
        ("test__pywsgi", "TestChunkedPost.test_trailers_*", "wanted", "a bad trailer, or one for framing, is refused with 400, against smuggling (RFC 9110 section 6.5.1)"),
        ("test__pywsgi", "Expect100ContinueTests.test_continue", "wanted", "an answer in place of 100 Continue closes: whether the body still comes is not known (RFC 9110 section 10.1.1)"),
        ("test__pywsgi", "TestContentLength304.test_err", "wanted", "a 304 may have a Content-Length (RFC 9110 section 8.6)"),
        ("test__pywsgi", "TestHandlerSubclass.test", "wanted", "read_requestline is not asked: the head is read in one piece"),
        ("test__pywsgi", "TestMultiLineHeader.test_multiline_116", "wanted", "folded fields are refused, against smuggling (RFC 9112 section 5.2)"),
        ("test__pywsgi", "TestEnviron.test_default_secure_repr", "internals", _REPR),
        ("test__pywsgi", "TestBody304.test_err TestWrite304.test_err", "internals", _TEXT),
        ("test__queue", "*test_subscript", "internals", "Queue[int] is typing's, not types.GenericAlias"),
        ("test__queue", "TestChannel.test_send TestChannel.test_wait", "wanted", "the getter goes on before the second putter"),
        ("test__refcount", "Test.test_clean_exit Test.test_timeout_exit", "internals", _NAMES),
        ("test__resolver_dnspython", "TestDnsPython.test_import_dns_*", "internals", "gevent's private copy of dnspython"),
        ("test__select", "TestPossibleCrashes.test_closing_*", "internals", _NAMES),
        ("test__server", "*repr*", "internals", _REPR),
        ("test__server", "TestNoneSpawn.test_assertion_in_blocking_func", "wanted", "spawn=None is a greenlet each: a handler may wait"),
        ("test__server", "*wrap_failure", "internals", _NAMES),
        ("test__server_pywsgi", "*repr*", "internals", _REPR),
        ("test__server_pywsgi", "*wrap_failure", "internals", _NAMES),
        ("test__server_pywsgi", "*invalid_callback", "internals", "the bytes of gevent's own 500"),
        ("test__server_pywsgi", "*closes_client_sockets", "wanted", _NO_START),
        ("test__socket", "TestCreateConnection.test_base_exception", "internals", "names of the module replaced by the test's"),
        ("test__socket", "TestFunctions.test_resolve_ipv6_scope_id", "internals", _NAMES),
        ("test__socket_close", "Test.test_recv_twice", "wanted", "two greenlets may read one socket"),
        ("test__socket_ex", "TestClosedSocket.test", "wanted", "send has no timeout of its own: settimeout, or Timeout"),
        ("test__socket_ex", "TestRef.test", "internals", "the two watchers of gevent's socket"),
        ("test__subprocess", "*native_thread", "wanted", "children may be started in any thread"),
        ("test__subprocess", "TestFDs.test_close_fds_* TestPopen.test_exit_*", "internals", "private methods of gevent's Popen; ours is the standard library's"),
        ("test__subprocess", "TestPopen.test_nonblock_removed", "internals", "names of gevent's module that the test replaces"),
        ("test__threading_2", "*forked*", "wanted", "the parent's greenlets do not run in a forked child"),
        ("test__threading_2", "*foreign_thread *no_threading_threads", "wanted", "a dummy thread goes with its greenlet"),
        ("test__threading_2", "*sleep* ThreadTests.test_join_nondaemon_on_shutdown ThreadTests.test_various_ops*", "internals", _REPR),
        ("test__threading_fork_from_dummy", "Test.test_fork_from_dummy_thread", "internals", _NAMES),
        ("test__threading_monkey_in_thread", "Test.test_patch_in_thread", "wanted", "patch_all outside the main thread is refused"),
        ("test__threading_vs_settrace", "TestTrace.test_untraceable_lock*", "internals", "whether gevent was compiled"),
        ("test__threadpool*", "TestTPE.test_future TestPatchedTPE.test_future", "wanted", "a future's callbacks run in the thread of its call, as in the standard library"),
        ("test__threadpool", "TestTPE.test_future_wait_module_function", "wanted", "concurrent.futures.wait works with these futures"),
        ("test__threadpool", "*test_greenlet_class TestBeforeRunTaskFailure.* TestWorkerProfileAndTrace.*", "internals", "the greenlet in gevent's worker thread"),
        ("test__threadpool", "TestThreadResult.test_exception_in_on_async_doesnt_crash", "internals", "the arguments of ThreadResult, made by hand"),
        ("test__timeout", "*non_exception", "wanted", "Timeout(1, 42) is refused by the call: its class is the one that waits of all kinds raise"),
        ("test__util", "TestAssertSwitches.test_nested", "internals", _NAMES),
        ("test__util", "TestFuncs.test_clear_stack_frames", "internals", "a private helper"),
        ("test__util", "TestFormat.test_with_Greenlet", "wanted", "no stack of the spawner is kept unless GEVENT_TRACK_GREENLET_TREE asks for it"),
        ("test__util", "TestTree.test_tree", "internals", "the tree without those that have ended"),
    ],
    "eventlet": ROWS,
}  # fmt: skip


def reason(peer, module, test):
    """(kind, reason), or None if nobody has judged it."""
    short = test.split(".tests.", 1)[-1].removeprefix("tests.").removeprefix(module + ".")
    for where, what, kind, text in TABLE[peer]:
        if fnmatchcase(module, where) and any(fnmatchcase(short, one) for one in what.split()):
            return kind, text
    return None
