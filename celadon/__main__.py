"""The command ``celadon``: run a program as ``python`` does, with the standard library patched first."""

from __future__ import annotations

import builtins
import importlib
import io
import linecache
import os
import pkgutil
import runpy
import sys
from importlib.machinery import BuiltinImporter, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

import celadon

from .patch_options import UsageError, is_resolver_option, patch_option, split, value_of

#: The first argument -> the module of ours whose ``main(args)`` is run in place of a program.
_COMMANDS = {
    "crawl": "programs.crawl_command",
    "proxy": "green.servers.proxy.proxy_command",
    "serve": "green.servers.serve.serve_command",
}

#: The first argument, up to its "=" -> the module that prints what it asks for.
_ABOUT = {"-h": "usage", "--help": "usage", "--man": "usage", "--completion": "usage"}


def _options(args: list[str]) -> tuple[dict[str, Any], bool, str]:
    """Take the options from the front of ``args``: keywords for ``patch_all``, whether -P was there, who --as is."""
    keywords: dict[str, Any] = {}
    safe = False
    peer = os.environ.get("CELADON_AS", "")
    while args and args[0].startswith("-") and args[0] != "-" and args[0][:2] not in ("-m", "-c"):
        option, value = split(args.pop(0))
        if option == "--as":
            peer = value_of(option, value, args, str)
            continue
        found = patch_option(option, value, args)
        if found is not None:
            keywords[found[0]] = found[1]
        elif option == "-P":
            safe = True
        else:
            raise UsageError(f"unknown option {option}; celadon --help lists them")
    return keywords, safe, peer


def _prepare(keywords: dict[str, Any], peer: str) -> None:
    """Patch; or, for a program of another library, which patches by itself, put ours in that one's place."""
    if not peer:
        celadon.patch_all(**keywords)
        return
    odd = [name for name in keywords if not is_resolver_option(name)]
    if odd:
        raise UsageError(f"--as {peer}: the program itself says what is patched, so {odd[0]} cannot be chosen here")
    celadon.compat.install(peer)
    if keywords:
        celadon.resolver.use(keywords.pop("resolver", None), **keywords)


def _read(path: str) -> bytes:
    """A script as it is on disk; nothing for a folder or a zip file. Read once: a pipe can be a script too."""
    if pkgutil.get_importer(path) is not None:
        return b""
    with io.open_code(path) as file:
        return file.read()


def _compiled(source: bytes | str, name: str) -> CodeType:
    """The code of a program's source, or of a .pyc file."""
    code = pkgutil.read_code(io.BytesIO(source)) if isinstance(source, bytes) else None  # None: not a .pyc
    return code if code is not None else compile(source, name, "exec", dont_inherit=True)


def _new_main(**names: Any) -> dict[str, Any]:
    """A new module ``__main__``, which stays there while threads run on after the program's last line."""
    module = ModuleType("__main__")
    if sys.version_info < (3, 14):
        names["__annotations__"] = {}
    vars(module).update({"__builtins__": builtins, "__loader__": BuiltinImporter, **names})
    sys.modules["__main__"] = module
    return vars(module)


def _run(kind: str, args: list[str], safe: bool, script: bytes) -> None:
    """Run ``args`` as ``kind`` ("-m", "-c", "-" or "" for a script) says.

    ``args[0]`` is what to run, ``script`` the content of that file.
    """
    program = args[0]

    def path_begins_with(folder: str) -> None:
        if not sys.flags.safe_path:  # with it the interpreter has put nothing there
            sys.path[:1] = [] if safe else [folder]

    if kind == "-m":
        sys.argv = ["-m", *args[1:]]
        path_begins_with(os.getcwd())
        _new_main()
        runpy._run_module_as_main(program)  # type: ignore[attr-defined]  # what python -m calls
        return
    if kind:
        sys.argv = [kind, *args[1:]]
        path_begins_with("")
        text, name = (program, "<string>") if kind == "-c" else (sys.stdin.buffer.read(), "<stdin>")
        names = _new_main(**({"__file__": name, "__cached__": None} if kind == "-" else {}))
        if kind == "-c" and sys.version_info >= (3, 13):  # whose tracebacks show the lines of -c
            linecache.cache[name] = (len(program), None, program.splitlines(keepends=True), name)
        exec(_compiled(text, name), names)
        return
    sys.argv = args
    path = os.path.abspath(program)
    if pkgutil.get_importer(path) is not None:  # a folder or a zip file with a __main__.py
        if not sys.flags.safe_path:
            del sys.path[0]
        sys.path.insert(0, path)
        _new_main()
        runpy._run_module_as_main("__main__", False)  # type: ignore[attr-defined]
        return
    path_begins_with(os.path.dirname(os.path.realpath(path)))
    names = _new_main(__file__=path, __cached__=None, __loader__=SourceFileLoader("__main__", path))
    exec(_compiled(script, path), names)


def _hide_our_frames(error: BaseException) -> None:
    """Have the interpreter show ``error`` as it would without us: the frames above the program's are cut off."""
    hook = sys.excepthook
    trace = error.__traceback__
    ours = {_run.__code__, main.__code__, _compiled.__code__}
    while trace is not None and trace.tb_frame.f_code in ours:
        trace = trace.tb_next

    def show(kind: Any, value: BaseException, _: Any) -> None:
        hook(kind, value.with_traceback(trace), trace)

    sys.excepthook = show


def main(argv: list[str] | None = None) -> int:
    """Run the program; what it raises passes through. Returns 2, after one line on stderr, for bad arguments."""
    args = list(sys.argv[1:] if argv is None else argv)
    if args and args[0].partition("=")[0] in _ABOUT:
        try:
            return int(importlib.import_module(f"celadon.{_ABOUT[args[0].partition('=')[0]]}").main(args, _COMMANDS))
        except ValueError as error:
            return _complain(str(error))
    if args and args[0] in ("-V", "--version"):
        print(f"celadon {celadon.__version__}")
        return 0
    if args and args[0] in _COMMANDS:
        if args[1:2] == ["--man"]:
            return int(importlib.import_module(f"celadon.{_ABOUT['--man']}").main(args[1:], _COMMANDS))
        try:
            command = importlib.import_module(f"celadon.{_COMMANDS[args[0]]}")
        except ImportError as error:
            return _complain(str(error))
        return int(command.main(args[1:]))
    try:
        keywords, safe, peer = _options(args)
        kind = "-" if args[:1] == ["-"] else ""
        if args and args[0][:2] in ("-m", "-c"):
            kind, attached = args[0][:2], args.pop(0)[2:]
            args[:0] = [attached] if attached else []
        if not args:
            raise UsageError(f"{kind} needs an argument" if kind else "no program given; celadon --help says more")
        script = b"" if kind else _read(os.path.abspath(args[0]))
        _prepare(keywords, peer)
    except OSError as error:
        return _complain(f"can't open file {os.path.abspath(args[0])!r}: [Errno {error.errno}] {error.strerror}")
    except (UsageError, ValueError, TypeError, LookupError, RuntimeError) as error:
        return _complain(str(error))
    try:
        _run(kind, args, safe, script)
    except SystemExit:
        raise
    except BaseException as error:
        _hide_our_frames(error)
        raise
    return 0


def _complain(what: str) -> int:
    print(f"celadon: {what}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
