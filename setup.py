"""What pyproject.toml cannot say: the optional accelerators, the files of the two commands, the readme for an index."""

import gzip
import os
import pathlib
import re
import tarfile
import tomllib

import setuptools
from setuptools import Extension, setup
from setuptools.command.sdist import sdist

ROOT = pathlib.Path(__file__).parent
SOURCE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]

FOLDERS = (
    "man/man1",
    "bash-completion/completions",
    "zsh/site-functions",
    "fish/vendor_completions.d",
)


def readme():
    """README.md with links that lead somewhere from a package index too; images as they are shown in light."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"<picture>.*?(<img[^>]*>).*?</picture>", r"\1", text, flags=re.DOTALL)
    return re.sub(r'(\]\(|src=")(?!https?:|#)', rf"\g<1>{SOURCE}/", text)


class ReproducibleSdist(sdist):
    """An archive that depends on the files alone, where SOURCE_DATE_EPOCH says which time they all have."""

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, owner=None, group=None):
        """As the base class makes it, but sorted, of no user, and of one time."""
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        if epoch is None or format != "gztar":
            return super().make_archive(base_name, format, root_dir, base_dir, owner, group)

        def plain(info):
            info.mtime, info.uid, info.gid, info.uname, info.gname = int(epoch), 0, 0, "", ""
            info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
            return info

        name = f"{base_name}.tar.gz"
        with (
            open(name, "wb") as raw,
            gzip.GzipFile("", "wb", mtime=int(epoch), fileobj=raw) as packed,
            tarfile.open(mode="w", fileobj=packed, format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in sorted(pathlib.Path(base_dir).rglob("*")):
                archive.add(path, recursive=False, filter=plain)
        return name


setup(
    cmdclass={"sdist": ReproducibleSdist},
    long_description=readme(),
    long_description_content_type="text/markdown",
    # An SPDX expression since setuptools 77; Debian 12 has 66 and only builds in place.
    **{"license_expression" if int(setuptools.__version__.split(".")[0]) >= 77 else "license": "MIT"},
    # Without a C compiler the package installs and works without them.
    ext_modules=[
        # -g0: debugging information has the path of the build, which is another one each time.
        Extension(f"celadon.{name.replace('/', '.')}", [f"celadon/{name}.c"], extra_compile_args=["-g0"], optional=True)
        for name in ("hub/accel/_arena", "resolver/accel/_codec")
    ],
    # Manual pages and completions of `resolve` and `celadon`, from `make manuals`.
    data_files=[
        (str(folder.relative_to(ROOT)), [str(one.relative_to(ROOT)) for one in sorted(folder.iterdir())])
        for folder in ((ROOT / "share" / one) for one in FOLDERS)
    ],
)
