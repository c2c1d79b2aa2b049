"""An authority for this machine: of use for nothing more, and with nothing left that could sign."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from integrations.certificates import THIS_MACHINE, Authority, Subject


def authority(folder: Path, *names: x509.GeneralName, bounded: bool = True) -> Authority:
    """Return an authority that signs for one server of these names."""
    server = Subject(
        name="server",
        alternative_names=names or THIS_MACHINE,
        certificate=folder / "server.pem",
        key_file=folder / "server.key",
        is_server=True,
    )
    return Authority(name="Test", certificate=folder / "ca.pem", subjects=[server], bounded=bounded)


def handshake(folder: Path, name: str) -> None:
    """Have a client that trusts the authority meet the server by a name; raises ssl.SSLError."""
    trusting = ssl.create_default_context(cafile=folder / "ca.pem")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "server.pem", folder / "server.key")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_it_holds_for_this_machine(tmp_path: Path, name: str) -> None:
    """By each of the machine's own names a client that trusts the authority is content."""
    assert authority(tmp_path).ensure()
    handshake(tmp_path, name)


@pytest.mark.parametrize(
    "name", [x509.DNSName("example.com"), x509.DNSName("localhost.example.com")]
)
def test_beyond_it_nobody_believes_it(tmp_path: Path, name: x509.DNSName) -> None:
    """A certificate for another name is refused by whoever trusts the authority: so it says."""
    authority(tmp_path, name).ensure()
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(tmp_path, name.value)
    authority(tmp_path / "unbounded", name, bounded=False).ensure()
    handshake(tmp_path / "unbounded", name.value)


def test_the_bounds_are_critical(tmp_path: Path) -> None:
    """A client that does not know such bounds must refuse the authority as a whole."""
    authority(tmp_path).ensure()
    made = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    found = made.extensions.get_extension_for_class(x509.NameConstraints)
    assert found.critical
    assert found.value.excluded_subtrees is None
    basic = made.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.path_length) == (True, 0)


def test_its_key_is_nowhere(tmp_path: Path) -> None:
    """One key is on the disk, and it is the server's."""
    authority(tmp_path).ensure()
    assert {path.name for path in tmp_path.iterdir()} == {"ca.pem", "server.pem", "server.key"}


def test_one_without_bounds_is_not_taken_for_one_with(tmp_path: Path) -> None:
    """What was made for another use is made anew; what fits is kept."""
    assert authority(tmp_path, bounded=False).ensure()
    assert authority(tmp_path).ensure()
    assert not authority(tmp_path).ensure()
