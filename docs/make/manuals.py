"""``make manuals``: what the wheel installs under share/, from the commands themselves. ``--check`` writes nothing."""

import pathlib
import sys

from celadon import __version__, usage
from celadon.__main__ import _COMMANDS
from celadon.resolver.cli import manual as resolve

ROOT = pathlib.Path(__file__).parent.parent.parent
#: Where bash, zsh and fish look: folder, and what the file of a command is called.
SHELLS = {
    "bash": "bash-completion/completions/{}",
    "zsh": "zsh/site-functions/_{}",
    "fish": "fish/vendor_completions.d/{}.fish",
}


def files():
    """Path under share/ -> what it contains."""
    made = {"man/man1/resolve.1": resolve.man_page(__version__), "man/man1/celadon.1": usage.man_page(_COMMANDS)}
    for shell, place in SHELLS.items():
        made[place.format("resolve")] = resolve.completion(shell)
        made[place.format("celadon")] = usage.completion(shell, _COMMANDS)
    return {ROOT / "share" / path: content for path, content in made.items()}


def main(argv):
    """Write or check; returns the exit status."""
    status = 0
    for path, content in files().items():
        if path.exists() and path.read_text(encoding="utf-8") == content:
            continue
        if "--check" in argv:
            print(f"{path.relative_to(ROOT)} is not what the commands say; run: make manuals")
            status = 1
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
