"""Standard-library-shaped cooperative modules, and the patch that puts them in place."""

from .patch import is_patched, original, patch_all, restore

__all__ = ["is_patched", "original", "patch_all", "restore"]
