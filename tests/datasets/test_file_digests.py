"""The user's files are known by their content, which is read once."""

import os
import time

import pytest

from retable.datasets import shards
from retable.datasets.errors import DataError


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Two files that changed long ago."""
    monkeypatch.setattr(shards, "SETTLED_NS", 30_000_000)
    (tmp_path / "mine").mkdir()
    for name in "ab":
        (tmp_path / "mine" / name).write_bytes(name.encode() * 9)
    time.sleep(0.05)
    return sorted((tmp_path / "mine").iterdir())


@pytest.fixture
def read(monkeypatch):
    """The names of the files that are read from now on."""
    names = []
    real = shards.file_digest
    monkeypatch.setattr(shards, "file_digest", lambda path: names.append(path.name) or real(path))
    return names


def test_nothing_is_read_again_while_nothing_changes(files, read, tmp_path):
    first = shards.files_digest(tmp_path / "cache", files)
    assert read == ["a", "b"]
    assert shards.files_digest(tmp_path / "cache", files) == first
    (tmp_path / "mine").rename(tmp_path / "moved")
    assert shards.files_digest(tmp_path / "cache", sorted((tmp_path / "moved").iterdir())) == first
    assert read == ["a", "b"]


def test_a_changed_file_of_equal_size_and_time_is_noticed(files, tmp_path):
    first = shards.files_digest(tmp_path / "cache", files)
    before = files[0].stat()
    files[0].write_bytes(b"x" * 9)
    os.utime(files[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (files[0].stat().st_size, files[0].stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    time.sleep(0.05)
    assert shards.files_digest(tmp_path / "cache", files) != first


def test_a_file_that_changed_just_now_is_read_and_not_remembered(files, read, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SETTLED_NS", 3_600_000_000_000)
    for _ in range(2):
        shards.files_digest(tmp_path / "cache", files)
    assert read == ["a", "b"] * 2
    assert not (tmp_path / "cache").exists()


def test_a_damaged_memory_is_made_again(files, read, tmp_path, caplog):
    first = shards.files_digest(tmp_path / "cache", files)
    (kept,) = (tmp_path / "cache").glob("digest-*.safetensors")
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    assert shards.files_digest(tmp_path / "cache", files) == first
    assert "damaged" in caplog.text
    assert read == ["a", "b"] * 2
    files[1].unlink()
    with pytest.raises(DataError, match="b: cannot be read"):
        shards.files_digest(tmp_path / "cache", files)
