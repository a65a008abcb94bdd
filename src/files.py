"""Atomic writing of files, which overwrites existing ones only on request, and reading of regular files only."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shlex
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from difflib import get_close_matches
from pathlib import Path
from typing import Any, BinaryIO

from src.errors import DataError, UserError, disk_remedy

TEMPORARY = ".writing-"  # prefix of temporary files; a killed process leaves them behind
_NEW_FILES: ContextVar[list[Path] | None] = ContextVar("new_files", default=None)  # of ``all_or_none``


def check_free(path: str | Path, overwrite: bool) -> None:
    """Check that a file can be written, before any work is done.

    Raises:
        UserError: there is a file, or a link, and it may not be overwritten; there is something that no file may replace: a folder,
            FIFO, device or socket; or its folder cannot be written.
    """
    path = Path(path)
    if not path.name or path.is_dir():
        raise UserError(f"{path}: is a folder, expected a file name; choose another name")
    if path.exists() and not is_regular(path):
        raise UserError(f"{path}: is a FIFO, device or socket, expected a file name; choose another name")
    if os.path.lexists(path) and not overwrite:
        raise UserError(f"{path}: exists already; choose another name, or pass --overwrite to replace it")
    folder = _folder_of(path)
    if not folder.is_dir():
        raise UserError(f"{path}: cannot be written: {folder} is not a folder; choose another name")
    if not os.access(folder, os.W_OK | os.X_OK):
        number = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
        raise cannot_write(path, OSError(number, os.strerror(number)))


def cannot_write(path: str | Path, error: OSError, fault: str = "cannot be written") -> UserError:
    """The error of a file or folder that the system does not let us write, with the remedy.

    Args:
        error: of the system.
        fault: what could not be done with `path`.
    """
    return UserError(f"{path}: {fault}: {error.strerror or error}{_writing_remedy(Path(path), error)}")


def _writing_remedy(path: Path, error: OSError) -> str:
    folder = _folder_of(path)
    if error.errno not in (errno.EACCES, errno.EPERM):
        return disk_remedy(error, folder)
    is_file = is_regular(path) and os.access(folder, os.W_OK | os.X_OK)
    rights, place = ("u+w", path) if is_file else ("u+rwx", folder)
    return f"; allow to write to {place} (chmod {rights} {shlex.quote(str(place))}), or choose another folder for the output"


def _folder_of(path: Path) -> Path:
    """The folder of a path; where it is missing and will be made, the nearest above it that is there."""
    folder = path.parent
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def check_apart(outputs: Iterable[Path], inputs: Mapping[str, str | Path | Iterable[str | Path] | None]) -> None:
    """Check that no output would replace an input, not even where files may be overwritten.

    Args:
        inputs: option -> file or folder, or several of them; None where it was not given.

    Raises:
        UserError: an output is an input.
    """
    places = {}
    for option, given in inputs.items():
        paths = [given] if isinstance(given, (str, Path)) else given or []
        places |= {_real(path): option for path in paths}
    for path in outputs:
        if option := places.get(_real(path)):
            raise UserError(
                f"{path}: is the file of --{option}, which would be replaced; choose another name for the output"
            )


def _real(path: str | Path) -> str:
    """The path without links; one that no file can have (with a null character) as it is."""
    try:
        return os.path.realpath(path)
    except ValueError:
        return str(path)


def write_atomically(path: str | Path, write: Callable[[Path], None], overwrite: bool = False) -> None:
    """Write a file atomically: ``write`` fills a temporary file in the same folder, which is then renamed to ``path``.

    Missing parent folders are created. A reader sees either the old file or the complete new one, also after a crash or
    a power cut: the file is synced before it is renamed, its folder afterwards.

    Raises:
        UserError: the target exists and ``overwrite`` is False, or writing fails (disk full, folder read-only
            or deleted); then the old file is unchanged.
    """
    path = Path(path)
    check_free(path, overwrite)
    new_files = None if os.path.lexists(path) else _NEW_FILES.get()
    temporary = handle = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The suffix is kept because some writers (OpenCV, MindSpore) choose the format by it or append it.
        handle, name = tempfile.mkstemp(prefix=TEMPORARY, suffix=path.suffix, dir=path.parent)
        temporary = Path(name)
        _lock(handle)
        write(temporary)
        sync(temporary)
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files private
        os.replace(temporary, path)
        if new_files is not None:
            new_files.append(path)
        sync(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):  # the folder may be gone, or have become read-only
                for left in path.parent.glob(f"{temporary.stem}.*"):  # MindSpore leaves its own .tmp file if it fails
                    left.unlink()
                temporary.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


@contextlib.contextmanager
def all_or_none() -> Iterator[None]:
    """If the system refuses to write a file inside (disk full), remove those that ``write_atomically`` newly wrote before it, so that the
    same command works when that is corrected. Of a program's ``main`` it is the decorator."""
    before = _NEW_FILES.set([])
    try:
        yield
    except UserError as error:
        for path in _NEW_FILES.get() if isinstance(error.__cause__, OSError) else ():
            with contextlib.suppress(OSError):
                path.unlink()
        raise
    finally:
        _NEW_FILES.reset(before)


def remove_leftovers(folder: str | Path) -> None:
    """Remove the temporary files that killed processes left in a folder; those that are being written stay: they are locked."""
    for path in Path(folder).glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError):  # another process was faster, or may not write here
            if not is_regular(path) or path.is_symlink():
                continue
            with path.open("rb") as file:
                if _lock(file.fileno()):
                    path.unlink()


def _lock(handle: int) -> bool:
    """Lock an open file until it is closed; False if another one has it locked, or the file system has no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def unfinished_folder(folder: Path) -> Iterator[Path]:
    """An empty folder beside ``folder``, to be filled and then renamed; at the end what is left of it is removed.

    Its name follows from that of ``folder``, so what a killed program left of it is removed, too, by the next one.

    Raises:
        OSError: it cannot be made.
    """
    unfinished = folder.with_name(f"{TEMPORARY}{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def keep_before(path: Path) -> Path:
    """Back up a file before it is replaced, as <stem>_before_N<suffix> in its folder with the first unused N; returns
    the copy."""
    number = 1
    while (copy := path.with_name(f"{path.stem}_before_{number}{path.suffix}")).exists():
        number += 1
    write_atomically(copy, lambda temporary: temporary.write_bytes(path.read_bytes()))
    return copy


def near_path(path: str | Path) -> str:
    """The end of a message about a path where there is nothing: the one beside it that may be meant; empty if none is near."""
    path = Path(path)
    try:
        names = [] if os.path.lexists(path) else os.listdir(path.parent)
    except (OSError, ValueError):
        return ""
    near = get_close_matches(path.name, names, n=1, cutoff=0.75)
    return f"; did you mean {path.parent / near[0]}?" if near else ""


def is_regular(path: str | Path) -> bool:
    """Whether there is a regular file, or a link to one; False, too, where the system refuses to say (a name too long)."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):  # ValueError: a null character in the name
        return False


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file for reading, in bytes. To open a FIFO waits for a writer, perhaps for ever, and a device may never end.

    Raises:
        OSError: as ``open``, and for whatever is not a regular file.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # a folder is refused by ``open``
        raise OSError(errno.EINVAL, "not a regular file, but a FIFO, device or socket", str(path))
    return open(path, "rb")


def read_regular(path: str | Path) -> bytes:
    """What a file holds; raises as ``open_regular``."""
    with open_regular(path) as file:
        return file.read()


def read_regular_text(path: str | Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark; the line ends of Windows become newlines.

    Raises:
        UnicodeDecodeError: it is not UTF-8; else as ``open_regular``.
    """
    return read_regular(path).decode("utf-8-sig").replace("\r\n", "\n")


def read_text(path: str | Path) -> str:
    """As ``read_regular_text``, for a file of the user.

    Raises:
        DataError: it is not UTF-8, with the remedy, or cannot be read: a folder, a FIFO, a link that leads nowhere.
    """
    try:
        return read_regular_text(path)
    except FileNotFoundError:
        raise DataError(str(path), ["no such file"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(str(path), [reading_fault(error)]) from None


def reading_fault(error: Exception) -> str:
    """Why a text file could not be read, with the remedy for one in another encoding."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 text (byte {error.start}); save it as UTF-8"
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def sync(path: str | Path) -> None:
    """Flush a file, or the entries of a folder, to disk (fsync); raises OSError if that fails.

    File systems that cannot sync a folder (some network mounts) report EINVAL, which is ignored.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL or not Path(path).is_dir():
            raise
    finally:
        os.close(handle)


def write_text(path: str | Path, text: str, overwrite: bool = False) -> None:
    """Write ``text`` as UTF-8; see ``write_atomically``. Raises a UserError also for text that UTF-8 cannot encode, such as
    an undecodable file name."""
    data = _encoded(path, text)
    write_atomically(path, lambda temporary: temporary.write_bytes(data), overwrite)


def write_pieces(path: str | Path, pieces: Iterable[str], overwrite: bool = False) -> None:
    """As ``write_text``, for a text that does not fit into memory: ``pieces`` are written one after the other."""

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            file.writelines(_encoded(path, piece) for piece in pieces)

    write_atomically(path, write, overwrite)


def write_json(path: str | Path, value: Any, overwrite: bool = False, indent: int | None = None) -> None:
    """Write ``value`` as UTF-8 JSON with non-ASCII characters kept (no escapes); see ``write_atomically``."""
    write_text(path, json_text(value, indent), overwrite)


def json_text(value: Any, indent: int | None = None) -> str:
    """What ``write_json`` writes."""
    return json.dumps(value, ensure_ascii=False, indent=indent) + "\n"


def file_hash(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error


def _encoded(path: str | Path, text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        near = text[max(error.start - 40, 0) : error.end + 10]
        raise UserError(
            f"{path}: cannot be written, {near!r} is not valid text; rename the file of this name"
        ) from None


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
