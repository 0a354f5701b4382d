"""Which of CPython's test modules are run, and what each of them needs."""

_ALL = """
test_socket test_ssl test_select test_selectors test_poll test_epoll test_threading test_thread
test_threading_local test_threadsignals test_threadedtempfile test_queue test_sched test_timeout test_time
test_signal test_subprocess test_popen test_os test_posix test_fork1 test_wait3 test_wait4 test_pty
test_openpty test_file_eintr test_eintr test_asyncore test_asynchat test_socketserver test_ftplib test_httplib
test_httpservers test_urllib test_urllib2 test_urllib2_localnet test_urllib_response test_urlparse
test_smtplib test_smtpd test_telnetlib test_poplib test_imaplib test_nntplib test_xmlrpc test_docxmlrpc
test_wsgiref test_robotparser test_http_cookiejar test_http_cookies test_ipaddress test_uuid test_syslog
test_logging test_contextlib test_contextlib_async test_context test_weakref test_weakset test_generators
test_coroutines test_asyncgen test_functools test_atexit test_faulthandler test_gc test_sys test_io
test_tempfile test_mailbox test_importlib.test_threaded_import test_importlib.test_locks
test_importlib.threaded_import test_concurrent_futures.test_as_completed test_concurrent_futures.test_deadlock
test_concurrent_futures.test_future test_concurrent_futures.test_init
test_concurrent_futures.test_process_pool test_concurrent_futures.test_shutdown
test_concurrent_futures.test_thread_pool test_concurrent_futures.test_wait test_multiprocessing_main_handling
test_multiprocessing_fork.test_manager test_multiprocessing_fork.test_misc
test_multiprocessing_fork.test_processes test_multiprocessing_fork.test_threads test_asyncio.test_base_events
test_asyncio.test_buffered_proto test_asyncio.test_context test_asyncio.test_events test_asyncio.test_futures
test_asyncio.test_futures2 test_asyncio.test_locks test_asyncio.test_proactor_events
test_asyncio.test_protocols test_asyncio.test_queues test_asyncio.test_runners
test_asyncio.test_selector_events test_asyncio.test_sendfile test_asyncio.test_server
test_asyncio.test_sock_lowlevel test_asyncio.test_ssl test_asyncio.test_sslproto test_asyncio.test_streams
test_asyncio.test_subprocess test_asyncio.test_taskgroups test_asyncio.test_tasks test_asyncio.test_threads
test_asyncio.test_timeouts test_asyncio.test_transports test_asyncio.test_unix_events
test_asyncio.test_waitfor
"""
_FAST = """
test_select test_epoll test_thread test_threading_local test_queue test_sched test_timeout test_popen
test_fork1 test_urllib test_httplib test_wsgiref test_weakset
"""
_NAMES = """
test_socket test_ssl test_urllib test_urllib2 test_urllib2_localnet test_httplib test_ftplib test_smtplib
"""

#: In the order of the table; what an interpreter does not have is left out.
MODULES = _ALL.split()

#: Those that every change is tried on: they are quick, and cover each part of the patch.
FAST = _FAST.split()

#: Those that look names up or move bytes, to be run with each resolver engine.
NAMES = _NAMES.split()

#: Resources (regrtest's -u) that stand for the internet but guard tests of loopback only in these modules.
RESOURCES = {"test_socketserver": "network", "test_timeout": "network"}
