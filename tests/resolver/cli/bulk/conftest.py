"""Names in a file."""

import pytest


@pytest.fixture
def names(tmp_path):
    def write(lines):
        path = tmp_path / "names"
        path.write_bytes("".join(f"{one}\n" for one in lines).encode("utf-8", "surrogateescape"))
        return str(path)

    return write
