"""Standard-library-shaped cooperative modules, and the patch that puts them in place."""

from .patch import DoNotPatch, Report, after_patch, before_patch, is_patched, original, patch_all, report, restore
from .pristine import original_module

__all__ = [
    "DoNotPatch",
    "Report",
    "after_patch",
    "before_patch",
    "is_patched",
    "original",
    "original_module",
    "patch_all",
    "report",
    "restore",
]
