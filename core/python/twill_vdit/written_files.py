# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or not there, by the rules of core/plan's unfinished.h and outputs.h.

Written under a locked name beside their place, which they take when they are whole; what killed runs left goes with the
next write into the folder; links are followed; and only what Twill wrote is replaced. The binary module does it where
it is there.
"""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
from pathlib import Path

from twill_vdit.errors import Error, require
from twill_vdit.json_reading import parse_json
from twill_vdit.native import binary

__all__ = ["check_replaceable", "put_link", "write_file"]

try:
    import fcntl
except ImportError:  # Windows, where nobody can remove a file that is open
    fcntl = None  # type: ignore[assignment]

_UNFINISHED = re.compile(r"\.(.+)\.[0-9a-f]{16}\.twill-part", re.DOTALL)
_LONGEST_STEM = 180  # bytes of the 255 that a name may have
_ATTEMPTS = 16
_MOST_JSON_BYTES = 1 << 30
_TELLTALES = {"plan": {"patterns", "segments"}, "profile": {"candidates", "head_error"}, "report": {"rows", "psnr_db"}}


def write_file(file: str | os.PathLike[str], content: bytes) -> None:
    """A file, or what it links to, is the old or the new one, never a half, with the mode that the umask leaves.

    Raises:
        Error: "system", names the file.
    """
    if binary is not None:
        binary.write_file(os.fspath(file), content)
    else:
        write_in_python(file, content)


def write_in_python(file: str | os.PathLike[str], content: bytes) -> None:
    try:
        place = place_of(file)
        sweep(place.parent)
        unfinished, descriptor = _make(place)
        try:
            _write_all(descriptor, content)
            os.fsync(descriptor)
            if fcntl is None:
                os.close(descriptor)
                descriptor = -1
            os.replace(unfinished, place)  # still locked, so that nobody sweeps it
        except BaseException:
            if fcntl is not None:
                unfinished.unlink(missing_ok=True)
            raise
        finally:
            if descriptor >= 0:
                os.close(descriptor)
            if fcntl is None:
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise Error(f"{os.fspath(file)}: cannot be written: {error.strerror}", "system") from None


def put_link(target: Path, link: Path) -> None:
    """A link in place of what stands there; a copy where links are not allowed, as on Windows.

    Raises:
        OSError: neither can be put there.
    """
    sweep(link.parent)
    for attempt in range(_ATTEMPTS):
        unfinished = link.parent / unfinished_name(link.name)
        try:
            try:
                unfinished.symlink_to(target)
            except OSError:
                shutil.copy2(target, unfinished)
            os.replace(unfinished, link)
            return
        except FileNotFoundError:  # a link cannot be locked, and another process swept it
            if attempt + 1 == _ATTEMPTS:
                raise


def check_replaceable(file: str | os.PathLike[str], kind: str) -> None:
    """Refuse to replace what Twill does not write as this kind of file.

    Args:
        file: where something is to be written.
        kind: "plan", "profile" or "report".

    Raises:
        Error: "usage", says what stands there.
    """
    why = _why_kept(place_of(file), kind)
    require(not why, f"{os.fspath(file)}: {why}")


def place_of(file: str | os.PathLike[str]) -> Path:
    place = Path(os.path.realpath(file))
    if place.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return place


def unfinished_name(name: str) -> str:
    return f".{os.fsdecode(os.fsencode(name)[:_LONGEST_STEM])}.{secrets.token_hex(8)}.twill-part"


def sweep(folder: Path) -> None:
    """Removes what killed runs left in `folder`."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        if _UNFINISHED.fullmatch(name):
            with contextlib.suppress(OSError):  # another user's, or a living writer's
                _sweep_one(folder / name)


def _sweep_one(path: Path) -> None:
    if fcntl is None or path.is_symlink():
        path.unlink()
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    finally:
        os.close(descriptor)


def _make(place: Path) -> tuple[Path, int]:
    for _ in range(_ATTEMPTS):
        path = place.parent / unfinished_name(place.name)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags, 0o666)
        if fcntl is None:
            return path, descriptor
        with contextlib.suppress(OSError):  # a file system without locks, on which nobody sweeps either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists() and os.path.samestat(os.fstat(descriptor), os.lstat(path)):
            return path, descriptor
        os.close(descriptor)  # swept before it was locked
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _why_kept(place: Path, kind: str) -> str:
    try:
        about = place.stat()
    except OSError:
        return ""
    if stat.S_ISDIR(about.st_mode):
        return "is a folder, not a file to write"
    if not stat.S_ISREG(about.st_mode):
        return "is no regular file, and is not replaced"
    found = _kind_of(place, about.st_size)
    if about.st_size == 0 or found == kind:
        return ""
    if found:
        return f"holds a {found}, which is not replaced by a {kind}; name another file"
    return f"was not written by Twill as a {kind}, so it is not replaced; name another file"


def _kind_of(place: Path, size: int) -> str:
    try:
        top = parse_json(place.read_bytes(), str(place), infinity=True) if size <= _MOST_JSON_BYTES else None
    except (OSError, Error):
        return ""
    if not isinstance(top, dict):
        return ""
    return next((kind for kind, fields in _TELLTALES.items() if fields <= top.keys()), "")
