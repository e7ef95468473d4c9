import io
import random
import tarfile

import pytest

from retable.datasets.archives import read_members
from retable.datasets.errors import DataError

NAME = "package/data/x"


def archive(path, *members):
    with tarfile.open(path, "w:gz") as tar:
        for name, data, kind in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(data), kind
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname, info.size = "/etc/passwd", 0
            tar.addfile(info, io.BytesIO(data))
    return path


def test_the_wanted_member_is_read_and_nothing_is_written(tmp_path):
    path = archive(tmp_path / "a.tgz", ("other", b"no", tarfile.REGTYPE), (NAME, b"yes", tarfile.REGTYPE))
    assert read_members(path, {NAME: 10}) == {NAME: b"yes"}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (("../escape", b"", tarfile.REGTYPE), "outside"),
        (("package/../../escape", b"", tarfile.REGTYPE), "outside"),
        (("/etc/escape", b"", tarfile.REGTYPE), "outside"),
        (("..\\escape", b"", tarfile.REGTYPE), "outside"),
        (("C:/escape", b"", tarfile.REGTYPE), "outside"),
        (("package/link", b"", tarfile.SYMTYPE), "not a plain file"),
        ((NAME, b"", tarfile.SYMTYPE), "not a plain file"),
        (("package/hard", b"", tarfile.LNKTYPE), "not a plain file"),
        (("package/pipe", b"", tarfile.FIFOTYPE), "not a plain file"),
        ((NAME, b"x" * 11, tarfile.REGTYPE), "11 bytes"),
    ],
)
def test_an_archive_with_an_unsafe_member_is_refused(tmp_path, member, words):
    path = archive(tmp_path / "a.tgz", member, ("package/data/y", b"fine", tarfile.REGTYPE))
    with pytest.raises(DataError, match=words) as error:
        read_members(path, {"package/data/y": 10, NAME: 10})
    assert str(path) in str(error.value)


def test_a_missing_member_is_named(tmp_path):
    path = archive(tmp_path / "a.tgz", ("other", b"", tarfile.REGTYPE))
    with pytest.raises(DataError, match=NAME):
        read_members(path, {NAME: 10})


@pytest.mark.parametrize("keep", [0, 10, 60, 3000])
def test_a_truncated_archive_is_an_error_that_names_it(tmp_path, keep):
    path = archive(tmp_path / "a.tgz", (NAME, random.Random(0).randbytes(9000), tarfile.REGTYPE))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"a\.tgz"):
        read_members(path, {NAME: 20_000})
