"""Tables of labels come from elsewhere: however they are spelt or damaged, they are read, or refused in one line."""

import contextlib
import io
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from retable.datasets.attributes import celeba
from retable.datasets.attributes.celeba_table import CSV, TABLE, read_table
from retable.datasets.attributes.rafd_names import parse
from retable.datasets.digits import mnist, svhn
from retable.datasets.errors import DataError
from retable.datasets.ten_shot import flowers
from tests.datasets.conftest import idx
from tests.datasets.folders import COUNT, NAMES, celeba_lines, celeba_row, write_celeba, write_table

COMMAS = [",".join(["image_id", *NAMES]), *(",".join(celeba_row(i).split()) for i in range(COUNT))]


def quoted(line):
    return ",".join(f'"{value}"' for value in line.split(","))


SPELLINGS = {
    "quoted texts": [quoted(COMMAS[0]), *(quoted(line[:10]) + line[10:] for line in COMMAS[1:])],
    "everything quoted": [quoted(line) for line in COMMAS],
    "semicolons": [line.replace(",", ";") for line in COMMAS],
    "tabs": [line.replace(",", "\t") for line in COMMAS],
    "numbered rows": [f",{COMMAS[0]}", *(f"{i},{line}" for i, line in enumerate(COMMAS[1:]))],
    "byte order mark, CRLF and blanks": [
        "\ufeff" + COMMAS[0],
        *(line.replace(",", " , ") + "\r" for line in COMMAS[1:]),
    ],
}


@pytest.mark.parametrize("lines", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_table_with_commas_is_read_however_a_program_spells_it(tmp_path, lines, encoding):
    (tmp_path / TABLE).write_text("\n".join(celeba_lines()))
    (tmp_path / CSV).write_bytes("\n".join(lines).encode(encoding))
    table = read_table(tmp_path / CSV, "")
    assert table.bits == read_table(tmp_path / TABLE, "").bits
    assert table.problems == ()


def test_two_tables_that_disagree_are_refused_and_two_that_agree_are_not(tmp_path):
    write_celeba(tmp_path)
    write_table(tmp_path, "\n".join(COMMAS), CSV)
    celeba.require(tmp_path)
    write_table(tmp_path, "\n".join([*COMMAS[:3], COMMAS[3].replace("-1", "1"), *COMMAS[4:]]), CSV)
    words = rf"{TABLE}: 1 row that {CSV} has otherwise: 000003.jpg; remove the wrong table"
    with pytest.raises(DataError, match=words):
        celeba.require(tmp_path)
    assert len(celeba.check(tmp_path).problems) == 1


@pytest.mark.parametrize("name", [TABLE, CSV])
def test_a_table_that_never_ends_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr("retable.datasets.attributes.celeba_table.MAX_BYTES", 1000)
    (tmp_path / name).write_text("\n".join(celeba_lines()))
    with pytest.raises(DataError, match="more than 1,000 bytes"):
        read_table(tmp_path / name, "")
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match="is a named pipe"):
        read_table(tmp_path / name, "")


def mat(content):
    data = io.BytesIO()
    savemat(data, content, do_compression=True)
    return data.getvalue()


LABELS = mat({"labels": np.arange(12)[None] % 3 + 1})
STREET = mat({"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.ones((2, 1))})


READERS = {
    TABLE: ("\n".join(celeba_lines()[:8]).encode(), lambda folder, name: read_table(folder / name, "")),
    CSV: ("\n".join(COMMAS[:8]).encode(), lambda folder, name: read_table(folder / name, "")),
    "imagelabels.mat": (LABELS, lambda folder, name: flowers.labels(folder / name)),
    "test_32x32.mat": (STREET, lambda folder, name: svhn.load("test", folder)),
    "labels.idx": (idx(np.arange(9)), lambda folder, name: mnist.parse_idx(name, (folder / name).read_bytes())),
}


@pytest.mark.parametrize(("name", "sound", "read"), [(name, *rest) for name, rest in READERS.items()], ids=READERS)
@settings(max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_gets_past_a_reader_of_labels_as_another_error(tmp_path, name, sound, read, data):
    damaged = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(len(damaged) - 1, 0)))
        what = data.draw(st.sampled_from(["flip", "cut", "insert", "repeat"]))
        if what == "flip" and damaged:
            damaged[place] ^= data.draw(st.integers(1, 255))
        elif what == "cut":
            del damaged[place : place + data.draw(st.integers(1, 40))]
        elif what == "insert":
            damaged[place:place] = data.draw(st.binary(max_size=12) | st.sampled_from([b"\n", b'"', b",", b"9" * 400]))
        else:
            damaged *= 2
    (tmp_path / name).write_bytes(damaged)
    read_table.cache_clear()
    with contextlib.suppress(DataError):  # and no other
        read(tmp_path, name)


@given(st.text() | st.from_regex(r"Rafd[0-9]{1,400}_[0-9]{1,400}_[a-z]+_[a-z]+_[a-z]+_[a-z]+\.jpg", fullmatch=True))
@settings(max_examples=200)
def test_no_file_name_gets_past_rafds_reader_as_another_error(name):
    with contextlib.suppress(DataError):
        assert parse(name).person >= 0


def test_names_that_are_not_utf_8_are_split_and_shown(tmp_path):
    names = [os.fsdecode(b"caf\xe9%d.jpg" % i) for i in range(8)]
    assert sum(map(len, celeba.split(names).values())) == 8
    error = str(DataError(f"{names[0]}: \x1b[31m no image"))
    assert error == r"caf\xe90.jpg: \x1b[31m no image"
    error.encode()
