"""The column at the right: the photo looked at, what is known about it, and what can be done with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from photosim.gui import facts_text
from photosim.gui.plain_text import plain_tip
from photosim.gui.preview import PhotoPreview, Region
from photosim.gui.style import set_role
from photosim.gui.widgets import ButtonGrid, ElidedField, ElidedLink, FactTable

if TYPE_CHECKING:
    from photosim.catalog.records import Photo

MIN_WIDTH = 280
MARGIN = 14
# A key held down in the grid passes many photos: only the one it rests on is worth a preview.
PREVIEW_DELAY_MS = 60
MAX_PLACES = 20


class Inspector(QWidget):
    """Shows one photo (`show_photo`), several (`show_several`) or none.

    The pictures come from outside: `preview_wanted(photo id, long side in pixels)` asks for one, at first and
    again while the user zooms in; it is answered by `set_preview`, at any time and in any order.
    """

    find_similar = Signal(int)
    more_like = Signal(int)
    less_like = Signal(int)
    region_query = Signal(int, tuple)  # photo id, (x, y, w, h) in fractions of the upright photo
    show_in_folder = Signal(int)
    open_photo = Signal(int)
    copy_photo = Signal(int)
    copy_path = Signal(int)
    why_requested = Signal(int)

    find_similar_to_all = Signal(list)  # photo ids, as are the next four
    more_like_all = Signal(list)
    less_like_all = Signal(list)
    copy_photos = Signal(list)
    copy_paths = Signal(list)

    preview_wanted = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._photo: Photo | None = None
        self._several: list[int] = []
        self.setMinimumWidth(MIN_WIDTH)
        self.setAccessibleName(self.tr("Inspector"))
        set_role(self, "sidebar")

        self._preview_timer = QTimer(self, singleShot=True, interval=PREVIEW_DELAY_MS)
        self._preview_timer.timeout.connect(self._ask_for_preview)

        self._empty = self._make_empty()
        self._one = self._make_one()
        self._many = self._make_many()
        pages = QWidget()
        pages.setObjectName("inspectorPages")
        column = QVBoxLayout(pages)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        for page in (self._empty, self._one, self._many):
            column.addWidget(page)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(pages)
        area.viewport().setAutoFillBackground(False)
        pages.setAutoFillBackground(False)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self._show_page(self._empty)

    # What the window tells

    def show_photo(
        self,
        photo: Photo | None,
        similarity: float | None = None,
        part_similarities: tuple[float | None, float | None] = (None, None),
        points: int = 0,
    ) -> None:
        """Show `photo`, or that none is chosen. `part_similarities` are those of kind and thing, None each
        where the model has one part only; `points`: how many agree with the query, where that was looked for.
        The preview stays while the same photo is shown again."""
        before = self._photo
        self._photo = photo
        self._several = []
        if photo is None:
            self.preview.set_image(None)
            self._preview_timer.stop()
            self._show_page(self._empty)
            return
        if before is None or before.id != photo.id:
            self.preview.set_image(None)
            self._preview_timer.start()
        self._fill(photo, facts_text.similarity_text(similarity, part_similarities, self.locale(), points))
        self._show_page(self._one)

    def show_several(self, photo_ids: Sequence[int]) -> None:
        """Show that several photos are selected, and what can be done with all of them."""
        self._photo = None
        self._several = list(photo_ids)
        self.preview.set_image(None)
        self._preview_timer.stop()
        count = self.locale().toString(len(self._several))
        self._count.setText(self.tr("{count} photos selected").format(count=count))
        self._show_page(self._many)

    @property
    def photo_id(self) -> int | None:
        """The photo shown, None where none or several are."""
        return self._photo.id if self._photo is not None else None

    def set_preview(self, photo_id: int, image: QImage) -> None:
        """A picture of a photo; passed over when another photo is shown by now, or a finer one already."""
        if self._photo is None or self._photo.id != photo_id or image.isNull():
            return
        if self.preview.has_image:
            self.preview.set_detail(image)
        else:
            facts = self._photo.facts
            self.preview.set_image(image, QSize(facts.width, facts.height))

    def show_region(self, region: Region | None) -> None:
        """Outline the part of this photo that is the query now."""
        self.preview.show_region(region)

    def start_region_mode(self) -> None:
        """Let the user draw a region, where the photo can be read: as the button Part of it… does."""
        if self._part.isEnabled():
            self.preview.start_region_mode()

    # The three pages

    def _make_empty(self) -> QWidget:
        page, column = _page()
        title = _label("title", self.tr("No photo selected"))
        text = _label(
            "muted", self.tr("Select a photo to see it large, with its facts and what to do with it.")
        )
        text.setWordWrap(True)
        column.addWidget(title)
        column.addWidget(text)
        return page

    def _make_many(self) -> QWidget:
        page, column = _page()
        self._count = _label("title")
        self._count.setWordWrap(True)
        actions = ButtonGrid()
        all_of = self._several_sender
        find = actions.add(
            self.tr("Find similar"),
            self.tr("Rank the library by all of them (Enter)"),
            all_of("find_similar_to_all"),
        )
        set_role(find, "primary")
        actions.add(self.tr("More like these"), self.tr("Add them to the query"), all_of("more_like_all"))
        actions.add(
            self.tr("Less like these"), self.tr("Rank what looks like them lower"), all_of("less_like_all")
        )
        actions.add(
            self.tr("Copy photos"), self.tr("Copy the files, to paste them elsewhere"), all_of("copy_photos")
        )
        actions.add(
            self.tr("Copy paths"), self.tr("Copy the paths as text, one a line"), all_of("copy_paths")
        )
        column.addWidget(self._count)
        column.addWidget(actions)
        return page

    def _make_one(self) -> QWidget:
        page, column = _page()
        self.preview = PhotoPreview()
        self.preview.region_chosen.connect(self._region_chosen)
        self.preview.region_mode_changed.connect(self._region_mode_changed)
        self.preview.detail_wanted.connect(self._detail_wanted)
        self._name = ElidedField()
        self._name.setAccessibleName(self.tr("File name"))
        self._name.setObjectName("photoName")
        font = self._name.font()
        font.setBold(True)
        self._name.setFont(font)
        self._offline = _label("badge", self.tr("offline"))
        self._offline.setToolTip(
            self.tr("Its drive is not connected: what is shown was kept from the last scan")
        )
        self._offline.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._similarity = _label("muted")
        self._similarity.setWordWrap(True)
        self._similarity.setToolTip(
            self.tr("Similarity to the query: 1 is the same, 0 has nothing in common")
        )
        self._why = QPushButton(self.tr("Why it matches…"))
        set_role(self._why, "link")
        self._why.setStyleSheet("QPushButton { margin-left: -5px; }")  # its words, not its frame, on the line
        self._why.setCursor(Qt.CursorShape.PointingHandCursor)
        self._why.setToolTip(self.tr("See which regions of both photos make the similarity (Ctrl+Y)"))
        self._why.setAccessibleDescription(self._why.toolTip())
        self._why.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._why.clicked.connect(self._sender("why_requested"))
        self._facts = QWidget()
        self._places = QWidget()
        QVBoxLayout(self._facts).setContentsMargins(0, 0, 0, 0)
        QVBoxLayout(self._places).setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.preview)
        column.addSpacing(4)
        column.addWidget(self._name)
        column.addWidget(self._similarity)
        column.addWidget(self._why)
        column.addWidget(self._offline)
        column.addSpacing(2)
        column.addWidget(self._facts)
        column.addWidget(self._places)
        column.addSpacing(4)
        column.addWidget(self._make_actions())
        return page

    def _make_actions(self) -> QWidget:
        actions = ButtonGrid()
        one = self._sender
        find = actions.add(
            self.tr("Find similar"), self.tr("Rank the library by this photo (Enter)"), one("find_similar")
        )
        set_role(find, "primary")
        self._part = actions.add(
            self.tr("Part of it…"),
            self.tr("Draw a rectangle and search for what is in it"),
            self._part_clicked,
        )
        self._part.setCheckable(True)
        actions.add(self.tr("More like this"), self.tr("Add this photo to the query"), one("more_like"))
        actions.add(
            self.tr("Less like this"), self.tr("Rank what looks like this photo lower"), one("less_like")
        )
        self._show = actions.add(
            self.tr("Show in folder"),
            self.tr("Open the file manager with this photo selected"),
            one("show_in_folder"),
        )
        self._open = actions.add(
            self.tr("Open"),
            self.tr("Open this photo with the program the system keeps for it"),
            one("open_photo"),
        )
        self._copy = actions.add(
            self.tr("Copy photo"),
            self.tr("Copy the file and the picture, to paste them elsewhere"),
            one("copy_photo"),
        )
        actions.add(self.tr("Copy path"), self.tr("Copy the full path as text"), one("copy_path"))
        return actions

    def _show_page(self, shown: QWidget) -> None:
        for page in (self._empty, self._one, self._many):
            page.setVisible(page is shown)

    # Filling the page of one photo

    def _fill(self, photo: Photo, similarity: str) -> None:
        self._name.set_full_text(os.path.basename(photo.path))
        self._similarity.setText(_unbroken_parts(similarity))
        self._similarity.setAccessibleName(similarity)
        self._similarity.setVisible(bool(similarity))
        self._why.setVisible(bool(similarity))
        self._offline.setVisible(photo.offline)
        size = photo.places[0].size if photo.places else None
        self._set_facts(facts_text.fact_rows(photo.facts, size, self.locale()), photo)
        self._set_places(photo)
        offline_text = self.tr("Not possible now: the drive of this photo is not connected")
        for button in (self._part, self._show, self._open, self._copy):
            button.setEnabled(not photo.offline)
            button.setToolTip(offline_text if photo.offline else str(button.property("tip")))

    def _set_facts(self, rows: list[tuple[str, str]], photo: Photo) -> None:
        table = FactTable()
        for label, value in rows:
            text = _label("", _unbroken_parts(value))
            text.setWordWrap(True)
            text.setAccessibleName(f"{label}: {value}")
            text.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            table.add(_label("muted", label), text)
        folder = facts_text.path_text(os.path.dirname(photo.path))
        link = ElidedLink()
        link.set_full_text(_short_folder(photo.path))
        link.setToolTip(plain_tip(self.tr("{folder}\nShow in folder").format(folder=folder)))
        link.setAccessibleName(self.tr("Folder: {folder}").format(folder=folder))
        link.setEnabled(not photo.offline)
        link.clicked.connect(self._sender("show_in_folder"))
        table.add(_label("muted", self.tr("Folder")), link)
        _replace(self._facts, table)

    def _set_places(self, photo: Photo) -> None:
        table = QWidget()
        column = QVBoxLayout(table)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(2)
        copies = len(photo.places)
        if copies > 1:
            count = self.locale().toString(copies)
            column.addWidget(_label("muted", self.tr("{count} identical copies").format(count=count)))
        for place in photo.places[:MAX_PLACES]:
            field = ElidedField()
            field.setAccessibleName(self.tr("Full path"))
            field.set_full_text(facts_text.path_text(place.path))
            row = QHBoxLayout()
            row.addWidget(field, 1)
            if copies > 1 and not place.online:
                row.addWidget(_label("badge", self.tr("offline")))
            column.addLayout(row)
        if copies > MAX_PLACES:
            rest = self.locale().toString(copies - MAX_PLACES)
            column.addWidget(_label("muted", self.tr("and {count} more").format(count=rest)))
        _replace(self._places, table)

    # What the user does

    def _sender(self, name: str) -> Callable[[], None]:
        """A slot that emits the signal `name` with the photo shown when it is called."""

        def send() -> None:
            if self._photo is not None:
                getattr(self, name).emit(self._photo.id)

        return send

    def _several_sender(self, name: str) -> Callable[[], None]:
        def send() -> None:
            if self._several:
                getattr(self, name).emit(list(self._several))

        return send

    def _part_clicked(self) -> None:
        if self.preview.region_mode:
            self.preview.cancel_region_mode()
        else:
            self.preview.start_region_mode()
        self._part.setChecked(self.preview.region_mode)

    def _region_mode_changed(self, on: bool) -> None:
        self._part.setChecked(on)

    def _region_chosen(self, x: float, y: float, width: float, height: float) -> None:
        if self._photo is not None:
            self.region_query.emit(self._photo.id, (x, y, width, height))

    def _ask_for_preview(self) -> None:
        if self._photo is not None:
            side = max(self.preview.width(), self.preview.height()) * self.devicePixelRatioF()
            # Half as much again, so that a first step of the wheel is sharp at once.
            self.preview_wanted.emit(self._photo.id, round(side * 1.5))

    def _detail_wanted(self, side: int) -> None:
        if self._photo is not None:
            self.preview_wanted.emit(self._photo.id, side)


def _page() -> tuple[QWidget, QVBoxLayout]:
    page = QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(6)
    return page, column


def _label(role: str, text: str = "") -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        set_role(label, role)
    return label


def _replace(holder: QWidget, content: QWidget) -> None:
    """Make `content` the only thing in `holder`, whose layout is a column."""
    layout = holder.layout()
    assert layout is not None
    while (item := layout.takeAt(0)) is not None:
        if (old := item.widget()) is not None:
            old.hide()
            old.deleteLater()
    layout.addWidget(content)
    content.show()  # at once: left to the layout, nothing would be there for a moment


def _unbroken_parts(value: str) -> str:
    """Lines break between "1/640 s" and "ISO 100", not inside them."""
    parts = value.split(facts_text.SEPARATOR)
    return (
        facts_text.SEPARATOR.join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)
        if parts[1:]
        else value
    )


def _short_folder(path: str) -> str:
    """The last two folders above a photo, as enough of the place for a glance."""
    parts = os.path.dirname(facts_text.path_text(path)).replace(os.sep, "/").rsplit("/", 2)
    return "/".join(part for part in parts[-2:] if part) or "/"
