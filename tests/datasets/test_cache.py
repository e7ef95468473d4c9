import logging
import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from retable.datasets.cache import cached, canonical, content_digest, entry_path
from retable.datasets.errors import DataError
from retable.datasets.files import written_whole

KEY = {"renderer": 1, "n": 3}


def make():
    return {"images": torch.arange(12, dtype=torch.uint8).view(3, 4), "labels": torch.arange(3)}


def never():
    raise AssertionError("made again")


def test_the_second_time_nothing_is_made(tmp_path):
    first = cached(tmp_path, "x", KEY, make)
    second = cached(tmp_path, "x", KEY, never)
    assert second.digest == first.digest
    assert all(torch.equal(second.tensors[name], value) for name, value in make().items())


def test_another_key_is_another_entry(tmp_path):
    cached(tmp_path, "x", KEY, make)
    with pytest.raises(AssertionError, match="made again"):
        cached(tmp_path, "x", {**KEY, "n": 4}, never)


@given(st.permutations(["b", "a", "c"]))
def test_the_order_of_a_key_does_not_matter(order):
    assert canonical(dict.fromkeys(order, 1)) == '{"a":1,"b":1,"c":1}'


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "garbage", "other key"])
def test_a_damaged_entry_is_made_again_and_said(tmp_path, caplog, damage):
    cached(tmp_path, "x", KEY, make)
    path = entry_path(tmp_path, "x", KEY)
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[-1] ^= 1
    elif damage == "other key":
        data = bytearray(cached(tmp_path, "y", {"n": 9}, make).path.read_bytes())
    else:
        data = {"truncate": data[:-5], "empty": b"", "garbage": b"\xff" * 64}[damage]
    path.write_bytes(bytes(data))
    with caplog.at_level(logging.WARNING):
        entry = cached(tmp_path, "x", KEY, make)
    assert "damaged" in caplog.text
    assert str(path) in caplog.text
    assert torch.equal(entry.tensors["images"], make()["images"])
    assert cached(tmp_path, "x", KEY, never).digest == entry.digest


def test_a_write_that_fails_leaves_the_old_content_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def broken(_):
        raise OSError("disk full")

    monkeypatch.setattr("retable.datasets.files.os.fsync", broken)
    with pytest.raises(OSError, match="disk full"), written_whole(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_at_once_make_it_once(tmp_path):
    made = []
    barrier = threading.Barrier(2)

    def slowly():
        made.append(1)
        return make()

    def work():
        barrier.wait()
        cached(tmp_path, "x", KEY, slowly)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_an_unusable_folder_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot use the data cache .*file.*make it writable"):
        cached(tmp_path / "file" / "cache", "x", KEY, make)


def test_the_digest_is_of_names_types_shapes_and_values():
    base = {"a": torch.zeros(4, dtype=torch.uint8)}
    others = [
        {"b": base["a"]},
        {"a": torch.zeros(4, dtype=torch.int8)},
        {"a": torch.zeros(2, 2, dtype=torch.uint8)},
        {"a": torch.tensor([0, 0, 0, 1], dtype=torch.uint8)},
    ]
    assert len({content_digest(t) for t in [base, *others]}) == 5
