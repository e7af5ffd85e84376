"""Which files of a folder are photos by their names. Nothing is opened here."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from photosim.imaging.formats import is_photo_name

LEFT_OUT = frozenset(
    name.lower()
    for name in (
        # Trash of Windows, of NAS systems, of file managers.
        "$RECYCLE.BIN",
        "RECYCLER",
        "#recycle",
        "@Recycle",
        "Trash",
        "lost+found",
        "System Volume Information",
        # Other programs' thumbnails and previews.
        "@eaDir",
        "thumbnails",
        "_thumbs",
        "Thumbs",
        "Previews.lrdata",
        "__MACOSX",
    )
)
"""Names, in lower case, of folders no photo is looked for in; hidden ones are left out by their dot."""

_HIDDEN_ON_WINDOWS = getattr(stat, "FILE_ATTRIBUTE_HIDDEN", 0)


@dataclass(frozen=True)
class FileSeen:
    """A photo by its name. `path` is relative to the folder walked; `problem` is why it cannot be read."""

    path: str
    size: int
    modified_ns: int
    problem: str | None = None


def walk(
    root: str, leave_out: frozenset[str] = frozenset(), unlisted: list[str] | None = None
) -> Iterator[FileSeen]:
    """All files below `root` that are photos by their names, also those that cannot be read.

    Hidden files and folders, trash, thumbnail folders and the absolute paths in `leave_out` are passed over.
    Links to files are followed, links to folders are not: they could lead round in circles. A folder that
    is there and cannot be listed is passed over, and added to `unlisted` by its path relative to the root;
    the root that cannot be listed raises OSError.
    """
    pending = [""]
    while pending:
        below = pending.pop()
        here = os.path.join(root, below) if below else root
        try:
            entries = os.scandir(here)
        except OSError:
            if not below:
                raise
            if unlisted is not None and os.path.lexists(here):
                unlisted.append(below)
            continue
        with entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                path = os.path.join(below, entry.name) if below else entry.name
                try:
                    is_folder = entry.is_dir(follow_symlinks=False)
                except OSError:
                    continue
                if is_folder:
                    if _worth_entering(entry) and entry.path not in leave_out:
                        pending.append(path)
                elif is_photo_name(entry.name):
                    seen = _look(entry, path)
                    if seen is not None:
                        yield seen


def _worth_entering(entry: os.DirEntry[str]) -> bool:
    if entry.name.lower() in LEFT_OUT:
        return False
    if not _HIDDEN_ON_WINDOWS or os.name != "nt":
        return True
    attributes = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    return not attributes & _HIDDEN_ON_WINDOWS


def _look(entry: os.DirEntry[str], path: str) -> FileSeen | None:
    try:
        status = entry.stat()
    except FileNotFoundError:
        if entry.is_symlink():
            return FileSeen(path, 0, 0, "a link to a file that is not there")
        return None  # deleted this very moment
    except OSError as error:
        return FileSeen(path, 0, 0, f"cannot be read ({error.strerror})")
    if not stat.S_ISREG(status.st_mode):
        return None  # a pipe, a device, a link to a folder: no photo, whatever it is called
    try:
        path.encode()
    except UnicodeEncodeError:
        return FileSeen(path, status.st_size, status.st_mtime_ns, "the name is not valid UTF-8: rename it")
    return FileSeen(path, status.st_size, status.st_mtime_ns)
