"""What `make run` does on a machine without a screen: the main job, on paper.

The same commands that a user would type scan a folder and search it; then the real window is rendered
offscreen into a picture file.

    python -m photosim.headless --data-dir DIR --picture FILE.png [--photos DIR]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shlex
import shutil
import sys
from pathlib import Path

from photosim import cli
from photosim.errors import PhotosimError, QueryError
from photosim.library import Library
from photosim.paths import library_folders

RESULTS = 10
WINDOW_SECONDS = 120.0
SAMPLE_QUERY = "motorcycle_left.png"
"""Of a stereo pair: its partner should be the best result."""
SAMPLE_SUFFIXES = (".jpg", ".png")
SAMPLE_LEAST_BYTES = 20_000


def main() -> int:
    """Returns the exit status, as the commands have it."""
    parser = argparse.ArgumentParser(prog="python -m photosim.headless", description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="where the library is kept")
    parser.add_argument("--picture", type=Path, required=True, help="where the window's picture goes")
    parser.add_argument("--photos", type=Path, help="the folder to scan (default: scikit-image's pictures)")
    options = parser.parse_args()
    try:
        return search_without_screen(options.photos, options.data_dir, options.picture)
    except PhotosimError as error:
        print(f"photosim: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return cli.INTERRUPTED


def search_without_screen(photos: Path | None, data_dir: Path, picture: Path) -> int:
    """Scan `photos`, search them, print the ranked results, and write the window's picture."""
    _say("There is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window can open.")
    _say("The same program without one:\n")
    folder = copy_samples(data_dir / "sample-photos") if photos is None else photos
    _forget_other_folders(data_dir, folder)
    status = _command(data_dir, "add", str(folder))
    if status != 0:
        return status
    query = _choose_query(data_dir, None if photos is not None else SAMPLE_QUERY)
    status = _command(data_dir, "search", str(query), "-k", str(RESULTS))
    if status != 0:
        return status
    paint_window(data_dir, query, picture)
    _say(f"\nThe window, had there been a screen: {picture.absolute()}")
    if photos is None:
        _say("With photos of your own: make run PHOTOS=DIR")
    return 0


def copy_samples(folder: Path) -> Path:
    """Fill `folder` with the pictures that scikit-image carries; raises PhotosimError without it.

    Left out are those of a few pixels, which are there to try file formats.
    """
    try:
        import skimage.data
    except ImportError as error:
        raise PhotosimError("the sample pictures are not installed: name a folder of photos") from error
    folder.mkdir(parents=True, exist_ok=True)
    for picture in Path(skimage.data.__file__).parent.iterdir():
        if picture.suffix in SAMPLE_SUFFIXES and picture.stat().st_size > SAMPLE_LEAST_BYTES:
            shutil.copy2(picture, folder)
    return folder


def paint_window(data_dir: Path, query: Path, picture: Path) -> None:
    """Write what the window looks like with the results of a query; raises QueryError where it cannot."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # That platform says on each window, in no category of its own, that it knows no window manager.
    os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
    from photosim.app import make_application, make_window
    from photosim.gui.unattended import picture_of_results

    application = make_application()
    with Library(library_folders(data_dir)) as library:
        window = make_window(library)
        try:
            shown = picture_of_results(window, [query], WINDOW_SECONDS)
        finally:
            window.close()
            window.deleteLater()
            application.processEvents()
    picture.parent.mkdir(parents=True, exist_ok=True)
    if not shown.save(str(picture)):
        raise PhotosimError(f"{picture} could not be written: check the folder")


def _forget_other_folders(data_dir: Path, folder: Path) -> None:
    """Results are to come from the folder that was asked for alone."""
    # The library keeps absolute paths; make hands on what was typed, with its dots and its tilde.
    wanted = os.path.realpath(os.path.expanduser(folder))
    with Library(library_folders(data_dir)) as library:
        for known in library.catalog.folders():
            if os.path.realpath(known.path) != wanted:
                library.remove_folder(known.path)


def _choose_query(data_dir: Path, name: str | None) -> Path:
    """The photo of that name, else the first of the library; raises QueryError where there is none."""
    with Library(library_folders(data_dir)) as library:
        table = library.catalog.table()
        photos = library.catalog.photos(table.ids.tolist())
    paths = sorted(Path(photo.path) for photo in photos.values())
    if not paths:
        raise QueryError("no photo was found in the folder: name another one with PHOTOS=DIR")
    return next((path for path in paths if path.name == name), paths[0])


def _command(data_dir: Path, *arguments: str) -> int:
    _say(f"$ photosim {shlex.join(arguments)}")
    return cli.run(["--data-dir", str(data_dir), *arguments])


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())
