"""Standard-library-shaped cooperative modules, and the patch that puts them in place."""

import typing

from .. import late

if typing.TYPE_CHECKING:
    from .connections import create_connection, create_server, happy_eyeballs
    from .files.fileobject import FileObject, FileObjectBlock, FileObjectPosix, FileObjectThread
    from .patching.import_patched import import_patched
    from .patching.originals import original_module
    from .patching.patch_all import (
        DoNotPatch,
        Report,
        after_patch,
        before_patch,
        is_patched,
        original,
        patch_all,
        report,
        restore,
    )
else:
    __getattr__, __dir__ = late.door(
        __name__,
        {
            "connections": "create_connection create_server happy_eyeballs",
            "files.fileobject": "FileObject FileObjectBlock FileObjectPosix FileObjectThread",
            "patching.originals": "original_module",
            "patching.import_patched": "import_patched",
            "patching.patch_all": "DoNotPatch Report after_patch before_patch is_patched original patch_all report "
            "restore",
        },
    )

__all__ = [
    "DoNotPatch",
    "FileObject",
    "FileObjectBlock",
    "FileObjectPosix",
    "FileObjectThread",
    "Report",
    "after_patch",
    "before_patch",
    "create_connection",
    "create_server",
    "happy_eyeballs",
    "import_patched",
    "is_patched",
    "original",
    "original_module",
    "patch_all",
    "report",
    "restore",
]
