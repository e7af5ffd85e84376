"""Looks after the library beside the window: its folders, the scans, the device, what others change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, QTimer, Signal
from PySide6.QtWidgets import QMenu

from photosim.catalog.records import Folder
from photosim.gui.catalog_feed import CatalogFeed
from photosim.gui.grid_header import NoticeBar
from photosim.gui.navigator import Navigator
from photosim.gui.photo_actions import PhotoActions
from photosim.gui.scan_bar import ScanBar
from photosim.gui.scan_controller import ScanController
from photosim.gui.tasks import TaskRunner
from photosim.gui.views import Browse
from photosim.library import Library
from photosim.model.device import DeviceInfo, choose, find_devices
from photosim.scan.scanner import ScanProgress, ScanSummary

WATCH_MS = 15_000
"""How often one looks whether a folder was plugged in or out, or another program changed the library."""


class LibraryKeeper(QObject):
    """Answers what the scan bar, the sidebar and the notice bar ask of the library."""

    said = Signal(str)
    """A line for the status bar."""
    model_changed = Signal()
    """Another model answers than before."""

    def __init__(
        self,
        library: Library,
        tasks: TaskRunner,
        feed: CatalogFeed,
        scans: ScanController,
        navigator: Navigator,
        photo_actions: PhotoActions,
        scan_bar: ScanBar,
        notice: NoticeBar,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._library, self._tasks, self._feed, self._scans = library, tasks, feed, scans
        self._navigator, self._photo_actions = navigator, photo_actions
        self._scan_bar, self._notice = scan_bar, notice
        self._model = library.card.version
        self._scan_wanted = False  # by the user, who then wants to see it
        self._watch = QTimer(self)
        self._watch.setInterval(WATCH_MS)
        self._watch.timeout.connect(self.look_around)
        scan_bar.pause_requested.connect(scans.pause)
        scan_bar.resume_requested.connect(scans.resume)
        scan_bar.cancel_requested.connect(scans.cancel)
        scan_bar.device_chosen.connect(self._device_chosen)
        scans.progressed.connect(self._scan_progressed)
        scans.photos_found.connect(self._photos_found)
        scans.finished.connect(self._scan_finished)
        scans.other_scan.connect(self.said)
        scans.running_changed.connect(navigator.set_scanning)

    def start(self, has_folders: bool) -> None:
        """Begin what a start does once the window is there: warm up, check the folders, keep watch."""
        self._tasks.run(self._prepare, self._prepared, pool="prepare")
        if has_folders:
            self._scans.start()
        self._watch.start()

    def close(self) -> None:
        self._watch.stop()

    # Folders

    def add_folders(self, paths: Sequence[Path]) -> None:
        """Add folders to the library and scan them."""
        self._tasks.run(lambda: self._add_in_task(paths), self._folders_added, pool="folders")

    def _add_in_task(self, paths: Sequence[Path]) -> list[Folder]:
        return [self._library.catalog.add_folder(path) for path in paths]

    def _folders_added(self, folders: list[Folder]) -> None:
        self._scan_wanted = True
        self._scan_bar.clear_message()
        self._navigator.reload()
        self._scans.start()

    def ask_to_add(self, folders: tuple[Path, ...]) -> None:
        """Ask above the grid whether dropped folders are to become part of the library."""
        names = ", ".join(folder.name or str(folder) for folder in folders[:3])
        if len(folders) > 3:
            names = self.tr("{names} and {count} more").format(names=names, count=len(folders) - 3)
        self._notice.ask(
            self.tr("Add {names} to the library? The photos stay where they are.").format(names=names),
            self.tr("Add"),
            self.tr("Not now"),
            lambda: self.add_folders(folders),
        )

    def folder_menu(self, path: str, at: QPoint) -> None:
        """The menu of a folder of the sidebar, at a place of the screen."""
        menu = QMenu(self._notice.window())
        menu.aboutToHide.connect(menu.deleteLater)
        menu.addAction(self.tr("Scan again"), self.scan_again)
        menu.addAction(self.tr("Show in folder"), lambda: self._photo_actions.show_path(path))
        menu.addSeparator()
        menu.addAction(self.tr("Remove from the library…"), lambda: self.ask_to_remove(path))
        menu.popup(at)

    def ask_to_remove(self, path: str) -> None:
        self._notice.ask(
            self.tr("Remove {path} from the library? The photos on disk stay untouched.").format(path=path),
            self.tr("Remove"),
            self.tr("Keep"),
            lambda: self._remove_folder(path),
            destructive=True,
        )

    def _remove_folder(self, path: str) -> None:
        def removed(count: int) -> None:
            number = self._scan_bar.locale().toString(count)
            self.said.emit(
                self.tr("Removed {path}, {count} photos; nothing was deleted on disk").format(
                    path=path, count=number
                )
            )
            view = self._navigator.view
            if isinstance(view, Browse) and view.folder == path:
                self._navigator.go(Browse())
            self._navigator.reload()

        self._tasks.run(lambda: self._library.remove_folder(path), removed, pool="folders")

    # Scans

    def scan_again(self) -> None:
        """Look through all folders, and show how it goes."""
        self._scan_wanted = True
        self._scans.start()

    def retry_failed(self) -> None:
        self._scan_wanted = True
        self._scans.retry_failed()

    def _scan_progressed(self, progress: ScanProgress) -> None:
        self._scan_bar.show_progress(progress, self._scan_wanted)
        if progress.failed:
            self._feed.read_soon()
        self._see_model()

    def _photos_found(self, ids: list[int]) -> None:
        self._navigator.add_found(ids)
        self._feed.read_soon()

    def _scan_finished(self, summary: ScanSummary | None) -> None:
        self._scan_wanted = False
        self._scan_bar.scan_ended(summary)
        self._see_model()
        self._navigator.reload()

    def model_used(self) -> None:
        """Another model may have been chosen, or got another name: show that at once."""
        if not self._see_model():
            self.model_changed.emit()

    def _see_model(self) -> bool:
        """Tell of a model that has taken over, here or in another program; results are ranked by it anew."""
        card = self._library.card
        if card.version == self._model:
            return False
        self._model = card.version
        self._navigator.use_model(card.focus)
        self.model_changed.emit()
        words = (
            self.tr("photosim now ranks with its own model ({model})")
            if card.bundled
            else self.tr("photosim now ranks with {model}")
        )
        self.said.emit(words.format(model=card.name))
        self._tasks.run(self._library.index, lambda _: None, pool="index")
        return True

    # The device, and what changes from outside

    def _prepare(self) -> DeviceInfo:
        """Make the first query fast: embeddings in memory, the worker started."""
        device = choose(self._library.device)
        self._library.searcher.refresh()
        self._library.worker.warm()
        return device

    def _prepared(self, device: DeviceInfo) -> None:
        ready = self._library.worker.ready
        if ready is None:
            self._scan_bar.set_device(device.name, device.note)
        else:
            self._scan_bar.set_device(ready.device, ready.note)
        self._tasks.run(find_devices, self._devices_found, pool="prepare")

    def _devices_found(self, devices: list[DeviceInfo]) -> None:
        device = self._library.device
        gpu = any(found.kind != "cpu" for found in devices)
        self._scan_bar.set_device_choice("gpu" if device in ("cuda", "mps") else device, gpu)

    def _device_chosen(self, choice: str) -> None:
        def use() -> tuple[str, DeviceInfo]:
            kinds = [found.kind for found in find_devices()]
            device = kinds[0] if choice == "gpu" else choice
            self._library.use_device(device)
            return device, choose(device)

        def used(result: tuple[str, DeviceInfo]) -> None:
            device, info = result
            self._library.settings.set("device", device)
            self._scan_bar.set_device(info.name, info.note)
            self.said.emit(self.tr("The next scan and the next query run on: {name}").format(name=info.name))

        self._tasks.run(use, used, pool="prepare")

    def look_around(self) -> None:
        """See whether a drive came or went, or another program changed the library."""
        self._tasks.run(self._look_in_task, self._checked, pool="watch")

    def _look_in_task(self) -> tuple[bool, int]:
        came_or_went = self._library.catalog.check_online()
        self._library.follow()
        return came_or_went, self._library.catalog.version()

    def _checked(self, found: tuple[bool, int]) -> None:
        came_or_went, version = found
        self._see_model()
        snapshot = self._feed.snapshot
        seen = snapshot is not None and snapshot.version == version
        # What our own scan writes is shown as it comes.
        if came_or_went or not (seen or self._scans.running):
            self._navigator.reload()
        if came_or_went:
            self._scans.start()
