"""Tracking servers that misbehave, and a real one."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from retable.benchmarks.tracking.ui import await_server, end_server, start_server


def free_port() -> int:
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return int(probe_socket.getsockname()[1])


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """Accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


asked_by: set[str | None] = set()


class _Failing(BaseHTTPRequestHandler):
    def answer(self) -> None:
        asked_by.add(self.headers["Authorization"])
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = answer  # noqa: N815 (names that the base class looks for)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextlib.contextmanager
def failing_server() -> Iterator[str]:
    """Answers 500 to everything, and has to be asked with a password."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Failing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://user:secret@127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert asked_by == {"Basic dXNlcjpzZWNyZXQ="}


@contextlib.contextmanager
def real_server(database: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A real MLflow server over an SQLite file, ended at the end if it still lives."""
    process = start_server(f"sqlite:///{database}", port)
    try:
        await_server(process, port)
        yield process
    finally:
        end_server(process)


class _Answering(BaseHTTPRequestHandler):
    def answer(self) -> None:
        self.server.asked.append(self.headers["Authorization"])  # type: ignore[attr-defined]
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        known = self.path.partition("?")[0].endswith("/experiments/search")
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST = answer  # noqa: N815 (names that the base class looks for)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextlib.contextmanager
def answering_server(certificate: Path | None = None) -> Iterator[tuple[str, list[str | None]]]:
    """Knows that it has no experiments. Yields host and port, and the ``Authorization`` of every request.

    Args:
        certificate: PEM file with certificate and key: it speaks TLS.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
    server.asked = asked = []  # type: ignore[attr-defined]
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def private_authority(folder: Path) -> tuple[Path, Path]:
    """A made-up authority's certificate, and a PEM file with one of 127.0.0.1 that it signed, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

    def certificate(name: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        now = datetime.now(UTC)
        authority = key is signer
        builder = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named("Made-up authority"))
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        if not authority:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(signer, hashes.SHA256())

    ours, theirs = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    authority, server = folder / "authority.pem", folder / "server.pem"
    authority.write_bytes(certificate("Made-up authority", ours, ours).public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    server.write_bytes(certificate("127.0.0.1", theirs, ours).public_bytes(pem) + theirs.private_bytes(pem, *plain))
    return authority, server
