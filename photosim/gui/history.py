"""Back and forward as in a browser: the views visited, each as it was left. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace

from photosim.gui.views import View

LIMIT = 100


@dataclass(frozen=True)
class Visit:
    """A view and how it was left: the scroll bar's value, the current photo and the selected ones."""

    view: View
    scroll: int = 0
    photo_id: int | None = None
    selected: tuple[int, ...] = ()


class History:
    """A line of visits with a place in it. A new visit forgets what lay ahead."""

    def __init__(self) -> None:
        self._visits: list[Visit] = []
        self._at = -1

    @property
    def current(self) -> Visit | None:
        return self._visits[self._at] if self._visits else None

    @property
    def can_go_back(self) -> bool:
        return self._at > 0

    @property
    def can_go_forward(self) -> bool:
        return self._at < len(self._visits) - 1

    def visit(self, view: View) -> None:
        self._visits = [*self._visits[: self._at + 1], Visit(view)][-LIMIT:]
        self._at = len(self._visits) - 1

    def amend(self, view: View) -> None:
        """The current view in another state: no step of its own."""
        if self._visits:
            self._visits[self._at] = replace(self._visits[self._at], view=view)

    def leave(self, scroll: int, photo_id: int | None, selected: tuple[int, ...]) -> None:
        """Remember how the current view looks before another one is shown."""
        if self._visits:
            self._visits[self._at] = replace(
                self._visits[self._at], scroll=scroll, photo_id=photo_id, selected=selected
            )

    def back(self) -> Visit | None:
        """Go back; returns where that led, None at the beginning."""
        if not self.can_go_back:
            return None
        self._at -= 1
        return self._visits[self._at]

    def forward(self) -> Visit | None:
        if not self.can_go_forward:
            return None
        self._at += 1
        return self._visits[self._at]
