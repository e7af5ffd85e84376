"""Where everything lies. The only user of appdirs, and the only place that knows about freezing."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import appdirs

from photosim.errors import LibraryError

DATA_DIR_VARIABLE = "PHOTOSIM_DATA_DIR"


@dataclass(frozen=True)
class Folders:
    """The folders of one library. `cache` may be deleted at any time, `data` is the truth."""

    data: Path
    cache: Path
    logs: Path

    @property
    def catalog(self) -> Path:
        return self.data / "catalog.sqlite3"

    @property
    def settings(self) -> Path:
        return self.data / "settings.json"

    @property
    def index(self) -> Path:
        return self.data / "index"

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def scan_lock(self) -> Path:
        return self.data / "scan.lock"

    @property
    def thumbnails(self) -> Path:
        return self.cache / "thumbnails.sqlite3"

    @property
    def vectors(self) -> Path:
        return self.cache / "vectors"

    def create(self) -> None:
        """Make the folders; raises LibraryError where one cannot be made or written."""
        for folder in (self.data, self.cache, self.logs, self.index, self.models, self.vectors):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LibraryError(
                    f"cannot create the folder {folder} ({error.strerror}): "
                    "choose another one with --data-dir"
                ) from error
            if not os.access(folder, os.W_OK | os.X_OK):
                raise LibraryError(
                    f"the folder {folder} cannot be written: "
                    "change its permissions or choose another one with --data-dir"
                )


def library_folders(data_dir: Path | None = None) -> Folders:
    """The folders of the library in `data_dir`, of PHOTOSIM_DATA_DIR, or of this user, in that order.

    With a data folder named, cache and logs lie below it too, so that a library is portable.
    """
    if data_dir is None and os.environ.get(DATA_DIR_VARIABLE):
        data_dir = Path(os.environ[DATA_DIR_VARIABLE])
    if data_dir is not None:
        root = Path(os.path.abspath(os.path.expanduser(data_dir)))
        return Folders(data=root, cache=root / "cache", logs=root / "logs")
    return Folders(
        data=Path(appdirs.user_data_dir("photosim", appauthor=False)),
        cache=Path(appdirs.user_cache_dir("photosim", appauthor=False)),
        logs=Path(appdirs.user_log_dir("photosim", appauthor=False)),
    )


def resources() -> Path:
    """The folder of bundled models, icons and style: in a checkout, installed, or frozen."""
    package = Path(__file__).resolve().parent
    if getattr(sys, "frozen", False):
        return Path(getattr(sys, "_MEIPASS", package.parent)) / "resources"
    installed = package / "resources"
    return installed if installed.is_dir() else package.parent / "resources"


def bundled_models() -> Path:
    return resources() / "models"
