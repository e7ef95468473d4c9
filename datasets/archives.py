"""Archives from elsewhere: taken out member by member, so that none can write outside its folder."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from retable.datasets.errors import DataError

MAX_OTHER_BYTES = 1 << 28
"""Most bytes that a member may claim that is not wanted: skipping it costs time, too."""


def check_member(archive: Path, member: tarfile.TarInfo, max_bytes: int) -> None:
    """Refuse a member that is not a plain file inside the archive's own tree, or that is larger than it may be.

    Raises:
        DataError: an absolute name, a name that climbs out (``..``), a link or device, or more than ``max_bytes``.
    """
    name = member.name.replace("\\", "/")
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or (parts and parts[0].endswith(":")):
        raise DataError(
            f"{archive}: its member {member.name!r} would be written outside the folder; do not use this file"
        )
    if not member.isfile():
        raise DataError(f"{archive}: its member {member.name!r} is not a plain file; do not use this file")
    if member.size > max_bytes:
        raise DataError(f"{archive}: its member {member.name!r} claims {member.size:,} bytes, more than {max_bytes:,}")


def read_members(archive: Path, wanted: Mapping[str, int]) -> dict[str, bytes]:
    """Read named members of a tar archive (gz, bz2, xz or plain) into memory; nothing is written anywhere.

    Args:
        archive: the file.
        wanted: member name -> the most bytes it may have.

    Returns:
        Member name -> content, for every wanted name.

    Raises:
        DataError: not a tar archive, damaged, a wanted member is missing, or any member is unsafe
            (:func:`check_member`): an archive with one such member is not trusted for the others.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                if member.isdir():
                    continue
                check_member(archive, member, wanted.get(member.name, MAX_OTHER_BYTES))
                if member.name in wanted:
                    file = tar.extractfile(member)
                    found[member.name] = file.read() if file is not None else b""
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{archive}: not a sound tar archive ({error}); fetch it again") from error
    missing = [name for name in wanted if name not in found]
    if missing:
        raise DataError(f"{archive}: {', '.join(missing)} not in this archive")
    return found
