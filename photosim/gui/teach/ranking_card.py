"""One query with its ranking before and after, side by side; photos that came nearer the top are framed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFocusEvent, QHelpEvent, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from photosim.gui.style import theme
from photosim.gui.thumbnail_loader import Look, ThumbnailLoader
from photosim.teaching.comparison import SHOWN, RankingPair

PADDING, GAP, ROW_GAP, APART = 12, 8, 10, 18
RADIUS = 6.0
LEAST_WIDTH, MOST_WIDTH = 74, 120
FEWEST = 4
QUERY_BYTES, PHOTO_BYTES = 8 << 20, 24 << 20

Fetch = Callable[[int], bytes | None]


@dataclass(frozen=True)
class Places:
    """Where everything of a card lies, for one width of it."""

    query: QRect
    labels: tuple[QRect, QRect]
    rows: tuple[tuple[QRect, ...], tuple[QRect, ...]]

    @property
    def height(self) -> int:
        return self.query.bottom() + 1 + PADDING

    @property
    def photo(self) -> QSize:
        return self.rows[0][0].size()


def arrange(width: int, label_width: int, label_height: int) -> Places:
    """As many photos in a row, up to SHOWN, as are large enough to be told apart."""
    room = width - 2 * PADDING - ROW_GAP - 2 * APART - label_width
    for count in range(SHOWN, FEWEST - 1, -1):
        # The query is a square as high as both rows, each 3/4 as high as a photo is wide.
        photo = (room - (count - 1) * GAP) / (count + 1.5)
        if photo >= LEAST_WIDTH:
            break
    photo = int(min(max(photo, 24), MOST_WIDTH))
    height = photo * 3 // 4
    side = 2 * height + ROW_GAP
    query = QRect(PADDING, PADDING, side, side)
    label_left = query.right() + 1 + APART
    left = label_left + label_width + APART
    tops = (PADDING, PADDING + height + ROW_GAP)
    labels = tuple(
        QRect(label_left, top + (height - label_height) // 2, label_width, label_height) for top in tops
    )
    rows = tuple(
        tuple(QRect(left + at * (photo + GAP), top, photo, height) for at in range(count)) for top in tops
    )
    return Places(query, (labels[0], labels[1]), (rows[0], rows[1]))


class CardPictures:
    """Thumbnails for the cards of a page: the queries are larger than what is ranked for them."""

    def __init__(self, fetch: Fetch, owner: QWidget) -> None:
        self.queries = ThumbnailLoader(fetch, owner, QUERY_BYTES)
        self.photos = ThumbnailLoader(fetch, owner, PHOTO_BYTES)

    def close(self) -> None:
        self.queries.close()
        self.photos.close()

    @property
    def busy(self) -> bool:
        return self.queries.busy or self.photos.busy


class RankingCard(QWidget):
    """Shows one RankingPair. The keyboard can stop at it, so that it can be scrolled to and read out."""

    def __init__(self, pair: RankingPair, pictures: CardPictures, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pair = pair
        self._pictures = pictures
        self._words = (self.tr("before"), self.tr("after"))
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(self.tr("A photo of yours with its ranking before and after"))
        self.setAccessibleDescription(
            self.tr("{count} of the {shown} photos ranked first came nearer to the top").format(
                count=len(pair.risen), shown=len(pair.after)
            )
        )
        for loader in (pictures.queries, pictures.photos):
            loader.loaded.connect(self.update)
            loader.missing.connect(self.update)

    @property
    def places(self) -> Places:
        return self._places(self.width())

    def shown(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The photos that there is room for, before and after."""
        count = len(self.places.rows[0])
        return self.pair.before[:count], self.pair.after[:count]

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._places(width).height

    def sizeHint(self) -> QSize:
        return QSize(1000, self.heightForWidth(1000))

    def minimumSizeHint(self) -> QSize:
        return QSize(360, 0)

    def _places(self, width: int) -> Places:
        metrics = self.fontMetrics()
        label = max(metrics.horizontalAdvance(word) for word in self._words)
        return arrange(width, label, metrics.height())

    # Events

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme()
        places = self.places
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        focused = self.hasFocus()
        inset = 1.0 if focused else 0.5
        painter.setPen(QPen(colors.color("accent" if focused else "line"), 2 * inset))
        painter.setBrush(colors.color("card"))
        frame = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        painter.drawRoundedRect(frame, 9, 9)
        self._paint_photo(painter, places.query, self._pictures.queries.pixmap(self.pair.query))
        _ring(painter, places.query, "accent")
        risen = self.pair.risen
        for number, photos in enumerate((self.pair.before, self.pair.after)):
            painter.setPen(colors.color("muted"))
            painter.drawText(places.labels[number], Qt.AlignmentFlag.AlignLeft, self._words[number])
            for rect, photo in zip(places.rows[number], photos, strict=False):
                self._paint_photo(painter, rect, self._pictures.photos.pixmap(photo))
                if number == 1 and photo in risen:
                    _ring(painter, rect, "good")
        painter.end()

    def _paint_photo(self, painter: QPainter, rect: QRect, pixmap: QPixmap | None) -> None:
        if pixmap is None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("placeholder"))
            painter.drawRoundedRect(rect, RADIUS, RADIUS)
        else:
            painter.drawPixmap(rect, pixmap)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            text = self.tip(event.pos())
            if text:
                QToolTip.showText(event.globalPos(), text, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def tip(self, at: QPoint) -> str:
        """What is to be said of the photo at a place: where it stood before."""
        for place, rect in enumerate(self.places.rows[1][: len(self.pair.after)], 1):
            if rect.contains(at):
                was = self.pair.places[place - 1]
                if was == place:
                    return self.tr("number {now}, as before").format(now=place)
                return self.tr("number {now} now, {was} before").format(
                    now=place, was=self.locale().toString(was)
                )
        return ""

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.updateGeometry()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()


def request(cards: list[RankingCard], pictures: CardPictures) -> None:
    """Load what the cards show, all of one width, those at the top first."""
    if not cards or not cards[0].width():
        return
    ratio = cards[0].devicePixelRatioF()
    places = cards[0].places

    def look(size: QSize) -> Look:
        return Look(round(size.width() * ratio), round(size.height() * ratio), RADIUS * ratio)

    pictures.queries.request((card.pair.query for card in cards), look(places.query.size()))
    photos = dict.fromkeys(photo for card in cards for row in card.shown() for photo in row)
    pictures.photos.request(photos, look(places.photo))


def _ring(painter: QPainter, photo: QRect, color: str) -> None:
    painter.setPen(QPen(theme().color(color), 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(QRectF(photo).adjusted(-1, -1, 1, 1), RADIUS + 1, RADIUS + 1)
