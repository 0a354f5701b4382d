"""Private names of gevent that its test files import at their top: stand-ins, so that the rest of the file can run."""

import importlib
import sys
from types import ModuleType

import gevent
from gevent import _fileobjectcommon, _fileobjectposix

gevent.Timeout._start_new_or_dummy = gevent.Timeout.start_new


class _Absent:
    def __init__(self, *args, **kwargs):
        raise NotImplementedError("private to gevent")


_fileobjectcommon.OpenDescriptor = _fileobjectcommon.WriteallMixin = _Absent
_fileobjectposix.GreenOpenDescriptor = _Absent


class _Hosts:
    """The names of a hosts file, of which the tests make cases."""

    def __init__(self, path="/etc/hosts"):
        self.path = path

    def iter_all_host_addr_pairs(self):
        with open(self.path, encoding="utf-8") as file:
            lines = [line.partition("#")[0].split() for line in file]
        yield from {(name, words[0]) for words in lines for name in words[1:]}


for name in ("_hostsfile", "_addresses"):
    module = sys.modules[f"gevent.resolver.{name}"] = ModuleType(f"gevent.resolver.{name}")
    module.HostsFile = _Hosts


class _NoopLog:
    def write(self, *args):
        pass

    flush = writelines = write


class Pywsgi:
    """gevent.pywsgi is imported later than this: its private names are put there as it is. A test file, likewise."""

    def find_spec(self, name, path, target=None):
        if name == "gevent.pywsgi":
            module = importlib.import_module("celadon.compat.gevent.pywsgi")
            module._NoopLog, module.Input = _NoopLog, _Absent
            module.WSGIHandler._print_unexpected_exc = module.WSGIHandler.handle_error
        elif name == "gevent.tests.test__fileobject":
            # It closes numbers twice, which hurts nobody while nothing is opened in between, as the hub would be.
            gevent.get_hub()
        return


sys.meta_path.insert(0, Pywsgi())
