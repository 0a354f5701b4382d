"""What a person reads who typed something wrong: one line that names the option and the file, and the right status."""

import pytest

from celadon.resolver.cli import main

SUBNET = "'1.2.3.4/99': write the subnet as address/prefix, such as 192.0.2.0/24"
SERVER = "a server is written as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353"


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        ("@127.0.0.1 +subnet=1.2.3.4/99 a.test", 1, f"option +subnet: {SUBNET}"),
        ("bulk names --client-subnet 1.2.3.4/99", 1, f"option --client-subnet: {SUBNET}"),
        ("@tls://127.0.0.1 +tls-ca=none a.test", 8, "option +tls-ca: none: No such file or directory"),
        ("bulk names --validate-dnssec --anchors none", 8, "option --anchors: none: No such file or directory"),
        ("@127.0.0.1 -y odd a.test", 1, "option -y: a key is written as [algorithm:]name:secret"),
        ("bulk names --parts names", 1, "option --parts: {folder}/names is a file; the parts need a directory"),
        ("bulk names --frob", 1, "unknown option --frob; resolve bulk --man lists them"),
        ("hosts --servers odd a.test", 1, f"server 'odd': 'odd' is not an IP address; {SERVER}"),
        ("bench @127.0.0.1 @none", 8,
         "@none is neither a server's address nor a file of names that can be read: No such file or directory"),
        ("@127.0.0.1 -p 1 +tries=1 a.test", 9, "a.test: UNREACHABLE: Connection refused (server 127.0.0.1#1)"),
    ],
)  # fmt: skip
def test_it_says_what_where_and_what_to_do(tmp_path, monkeypatch, capsys, words, status, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names").write_text("a.test\n")
    assert main(words.split()) == status
    assert capsys.readouterr() == ("", f"resolve: {line.format(folder=tmp_path)}\n")
