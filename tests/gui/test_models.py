"""The models menu: choosing what ranks, and keeping one's own models in order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from photosim.gui.models import file_name
from photosim.gui.window import MainWindow
from photosim.library import Library
from photosim.model.card import CARD, EMBEDDING, ModelCard
from photosim.model.embedding import Embedding, load_embedding
from photosim.model.registry import Fault
from photosim.paths import Folders
from photosim.scan.control import ScanControl
from photosim.scan.scanner import run_to_end, scan
from tests.gui.libraries import folders_in
from tests.gui.windows import WAIT, OpenWindow, find, names, settle
from tests.made_photos import make_photos
from tests.models import NEW, OLD, OLD_TRUNK, make_model, make_new, make_tuned

pytestmark = pytest.mark.timeout(120)

PHOTOS = 12
TILTED = "Only the sky"


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bundled"
    make_new(folder)
    monkeypatch.setattr("photosim.library.bundled_models", lambda: folder)
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return make_photos(tmp_path / "pictures", PHOTOS)


@pytest.fixture
def folders(bundled: Path, pictures: list[Path], tmp_path: Path) -> Folders:
    """A library with a model of the user's own, which ranks quite differently; the bundled one answers."""
    folders = folders_in(tmp_path / "data")
    with Library(folders, "cpu") as library:
        library.catalog.add_folder(pictures[0].parent)
        assert run_to_end(scan(library, ScanControl())).added == PHOTOS
        keep_own(library, TILTED)
    return folders


def keep_own(library: Library, name: str, seed: int = 5, focus: float = 0.9) -> ModelCard:
    parent = library.registry.default()
    base = load_embedding(parent)
    random = np.random.default_rng(seed)
    kind, thing = (random.normal(size=weight.shape).astype(np.float32) for weight in base.weights)
    draft = library.store.draft(parent, Embedding((kind, thing), base.biases), focus, {}, {})
    return library.store.keep(draft, name)


@pytest.fixture
def window(open_window: OpenWindow, folders: Folders, qtbot: QtBot) -> MainWindow:
    window = open_window(folders)
    settle(window, qtbot)
    return window


@pytest.fixture
def ranked(window: MainWindow, pictures: list[Path], qtbot: QtBot) -> MainWindow:
    find(window, qtbot, pictures[3])
    settle(window, qtbot)
    return window


def words(window: MainWindow) -> list[str]:
    return [action.text().replace("&", "") for action in window.models.menu.actions() if action.text()]


def entry(window: MainWindow, text: str, within: str | None = None) -> QAction:
    menu = window.models.menu
    if within is not None:
        (menu,) = (action.menu() for action in menu.actions() if action.text().replace("&", "") == within)
    (found,) = (action for action in menu.actions() if action.text().replace("&", "") == text)
    return found


def checked(window: MainWindow) -> list[str]:
    return [action.text() for action in window.models.menu.actions() if action.isChecked()]


def choose(window: MainWindow, qtbot: QtBot, text: str, within: str | None = None) -> None:
    entry(window, text, within).trigger()
    settle(window, qtbot)


def test_the_menu_has_every_model_and_checks_the_one_that_ranks(window: MainWindow) -> None:
    own = f"photosim’s own ({NEW})"
    assert words(window)[:2] == [own, TILTED]
    assert checked(window) == [own]
    assert window.sidebar.model_row.name == "photosim’s own"
    assert not entry(window, "Back to photosim’s own").isEnabled()


def test_choosing_a_model_ranks_by_it_at_once(ranked: MainWindow, qtbot: QtBot) -> None:
    before = names(ranked)
    choose(ranked, qtbot, TILTED)
    assert ranked._library.card.name == TILTED
    assert names(ranked)[0] == before[0] and names(ranked) != before
    assert ranked.scan_bar.message == f"photosim now ranks with {TILTED}"
    assert ranked.sidebar.model_row.name == TILTED and checked(ranked) == [TILTED]
    assert "Model" in ranked.sidebar.model_row.accessibleName()
    assert ranked.navigator.focus == 0.9 and ranked.bar.dial.value() == round(0.9 * 20)
    card = ranked._library.searcher.graph_card()
    assert card is not None and card.count == PHOTOS  # made beside it

    choose(ranked, qtbot, "Back to photosim’s own")
    assert names(ranked) == before and ranked.navigator.focus == 0.5
    assert ranked.scan_bar.message == f"photosim now ranks with its own model ({NEW})"
    assert not entry(ranked, "Back to photosim’s own").isEnabled()


def test_the_choice_is_kept_over_a_restart(
    ranked: MainWindow, open_window: OpenWindow, folders: Folders, qtbot: QtBot
) -> None:
    choose(ranked, qtbot, TILTED)
    order = names(ranked)
    ranked.close()
    ranked._library.close()
    again = open_window(folders)
    qtbot.waitUntil(lambda: names(again) == order, timeout=WAIT)  # the query is back too
    settle(again, qtbot)
    assert again.sidebar.model_row.name == TILTED and again.navigator.focus == 0.9


def test_the_row_of_the_sidebar_opens_the_menu_by_mouse_and_keys(window: MainWindow, qtbot: QtBot) -> None:
    row, menu = window.sidebar.model_row, window.models.menu
    for ask in (
        lambda: qtbot.mouseClick(row, Qt.MouseButton.LeftButton),
        lambda: qtbot.keyClick(row, Qt.Key.Key_Return),
        lambda: qtbot.keyClick(row, Qt.Key.Key_Space),
        lambda: row.customContextMenuRequested.emit(row.rect().center()),
    ):
        row.setFocus()
        ask()
        qtbot.waitUntil(menu.isVisible, timeout=WAIT)
        menu.close()
        settle(window, qtbot)


def test_a_model_gets_another_name(ranked: MainWindow, qtbot: QtBot) -> None:
    choose(ranked, qtbot, TILTED)
    choose(ranked, qtbot, f"{TILTED}…", within="Rename")
    notice = ranked.notice
    assert notice.isVisible() and notice.field.isVisible() and notice.field.text() == TILTED
    notice.field.setText("  ")
    assert not notice.accept_button.isEnabled()
    notice.field.setText("Sky & sea")
    qtbot.keyClick(notice.field, Qt.Key.Key_Return)
    settle(ranked, qtbot)
    assert ranked.sidebar.model_row.name == "Sky & sea" and checked(ranked) == ["Sky && sea"]
    assert ranked.scan_bar.message == "Renamed to Sky & sea" and not notice.isVisible()


@pytest.mark.parametrize("width", [1360, 700])
def test_enter_renames_and_does_nothing_else(ranked: MainWindow, width: int, qtbot: QtBot) -> None:
    ranked.resize(width, 600)
    ranked.grid.setFocus()
    choose(ranked, qtbot, f"{TILTED}…", within="Rename")
    qtbot.waitUntil(ranked.notice.field.hasFocus, timeout=WAIT)
    ranked.notice.field.setText("Sky")
    qtbot.keyClick(ranked.notice.field, Qt.Key.Key_Return)
    settle(ranked, qtbot)
    qtbot.wait(200)  # as long as a button stays down that a key has pressed
    assert ranked.scan_bar.message == "Renamed to Sky" and ranked.teach.view is None
    assert ranked.grid.hasFocus()


@pytest.mark.parametrize("button", ["accept_button", "reject_button"])
def test_the_keyboard_goes_back_to_the_grid_after_an_answer(
    ranked: MainWindow, button: str, qtbot: QtBot
) -> None:
    ranked.grid.setFocus()
    choose(ranked, qtbot, f"{TILTED}…", within="Delete")
    asked = getattr(ranked.notice, button)
    asked.setFocus()
    qtbot.keyClick(asked, Qt.Key.Key_Return)
    settle(ranked, qtbot)
    qtbot.wait(200)
    assert ranked.notice.isHidden() and ranked.grid.hasFocus() and ranked.teach.view is None


@pytest.mark.parametrize("taken", [TILTED.upper(), "photosim's own"])
def test_a_name_that_is_taken_is_refused_beside_the_field(
    window: MainWindow, taken: str, qtbot: QtBot
) -> None:
    keep_own(window._library, "Another", seed=6)
    window.models.read()
    settle(window, qtbot)
    choose(window, qtbot, "Another…", within="Rename")
    notice, question = window.notice, window.notice.text
    notice.field.setText(taken)
    qtbot.keyClick(notice.field, Qt.Key.Key_Return)
    settle(window, qtbot)
    assert notice.isVisible() and notice.field.text() == taken and notice.field.hasFocus()
    assert "choose another name" in notice.text and notice.accessibleName() == notice.text
    assert {TILTED, "Another"} <= set(words(window)) and not window.scan_bar.message
    qtbot.keyClicks(notice.field, "The sea")  # in the place of what was refused
    assert notice.text == question and notice.field.text() == "The sea"
    qtbot.keyClick(notice.field, Qt.Key.Key_Return)
    settle(window, qtbot)
    assert notice.isHidden() and "The sea" in words(window)


def test_the_field_has_its_words_above_it_where_room_is_scarce(window: MainWindow, qtbot: QtBot) -> None:
    notice = window.notice
    for width, above in ((1360, False), (700, True)):
        window.resize(width, 600)
        choose(window, qtbot, f"{TILTED}…", within="Rename")
        qtbot.waitUntil(lambda above=above: (notice.field.y() > notice._text.y() + 10) == above, timeout=WAIT)
        assert notice._text.width() > 200 and notice.reject_button.geometry().right() < notice.width()
        notice.dismiss()


def test_a_name_refused_after_the_question_has_gone_is_said_below(window: MainWindow, qtbot: QtBot) -> None:
    keep_own(window._library, "Another", seed=6)
    window.models.read()
    settle(window, qtbot)
    choose(window, qtbot, "Another…", within="Rename")
    window.notice.field.setText(TILTED)
    window.notice.accept_button.click()
    window.models.ask_to_delete_faulty(Fault(Path("elsewhere"), "of no use"))
    settle(window, qtbot)
    assert "choose another name" in window.scan_bar.message
    assert "elsewhere" in window.notice.text and window.notice.accept_button.isEnabled()


def test_a_model_is_deleted_when_the_user_says_so(window: MainWindow, qtbot: QtBot) -> None:
    choose(window, qtbot, f"{TILTED}…", within="Delete")
    assert TILTED in window.notice.text and not window.notice.field.isVisible()
    assert window.notice.accept_button.property("role") != "primary"
    assert window.focusWidget() is window.notice.reject_button
    qtbot.keyClick(window.notice.reject_button, Qt.Key.Key_Return)
    settle(window, qtbot)
    assert TILTED in words(window)
    choose(window, qtbot, f"{TILTED}…", within="Delete")
    window.notice.accept_button.click()
    settle(window, qtbot)
    assert TILTED not in words(window) and window._library.registry.cards()[-1].bundled
    assert not any(entry(window, title).isEnabled() for title in ("Rename", "Delete", "Export"))


def test_deleting_the_model_that_ranks_goes_back_to_photosims_own(ranked: MainWindow, qtbot: QtBot) -> None:
    before = names(ranked)
    choose(ranked, qtbot, TILTED)
    choose(ranked, qtbot, f"{TILTED}…", within="Delete")
    assert "takes its place" in ranked.notice.text
    ranked.notice.accept_button.click()
    settle(ranked, qtbot)
    assert names(ranked) == before and ranked.sidebar.model_row.name == "photosim’s own"
    assert ranked.scan_bar.message == f"Deleted {TILTED}" and TILTED not in words(ranked)


def test_a_model_goes_out_as_one_file_and_comes_back(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    choose(window, qtbot, f"{TILTED}…", within="Export")
    (dialog,) = window.findChildren(QFileDialog)
    assert dialog.acceptMode() == QFileDialog.AcceptMode.AcceptSave
    assert Path(dialog.selectedFiles()[0]).name == f"{TILTED}.photosim"
    dialog.close()
    file = tmp_path / "sky.photosim"
    window.models.export(window.models._known.own[0], file)
    settle(window, qtbot)
    assert file.is_file() and str(file) in window.scan_bar.message

    window.models.import_(file)
    settle(window, qtbot)
    assert "installed already" in window.scan_bar.message
    choose(window, qtbot, f"{TILTED}…", within="Delete")
    window.notice.accept_button.click()
    settle(window, qtbot)
    window.models.import_(file)
    settle(window, qtbot)
    assert TILTED in words(window) and "Rank with it?" in window.notice.text
    window.notice.accept_button.click()
    settle(window, qtbot)
    assert window._library.card.name == TILTED and checked(window) == [TILTED]


@pytest.fixture
def offered(ranked: MainWindow, tmp_path: Path, qtbot: QtBot) -> MainWindow:
    """The window that has just imported a model, and asks whether to rank with it."""
    file = tmp_path / "sky.photosim"
    ranked._library.store.export(ranked._library.registry.get(TILTED), file)
    ranked._library.delete_model(TILTED)
    keep_own(ranked._library, "Another", seed=6)
    ranked.models.import_(file)
    settle(ranked, qtbot)
    assert ranked.notice.isVisible() and "Rank with it?" in ranked.notice.text
    return ranked


def test_an_offer_goes_with_the_next_query(offered: MainWindow, pictures: list[Path], qtbot: QtBot) -> None:
    find(offered, qtbot, pictures[5])
    assert offered.notice.isHidden()


def test_an_offer_goes_when_another_model_is_chosen(offered: MainWindow, qtbot: QtBot) -> None:
    choose(offered, qtbot, "Another")
    assert offered.notice.isHidden() and offered._library.card.name == "Another"


def test_an_offer_goes_with_the_next_message_and_another_question_stays(
    offered: MainWindow, qtbot: QtBot
) -> None:
    offered.say("Something else")
    assert offered.notice.isHidden()
    choose(offered, qtbot, f"{TILTED}…", within="Delete")
    offered.say("Something else again")
    assert offered.notice.isVisible()


@pytest.mark.parametrize("content", [b"", b"no model", b"\x80\x02}q\x00."])
def test_what_is_no_model_is_refused_in_a_line(
    window: MainWindow, content: bytes, tmp_path: Path, qtbot: QtBot
) -> None:
    file = tmp_path / "foreign.photosim"
    file.write_bytes(content)
    window.models.import_(file)
    settle(window, qtbot)
    assert str(file) in window.scan_bar.message and "\n" not in window.scan_bar.message
    assert not window.notice.isVisible()


def test_a_model_that_is_damaged_is_not_used_and_says_why(ranked: MainWindow, qtbot: QtBot) -> None:
    before = names(ranked)
    card = ranked._library.registry.get(TILTED)
    (card.folder / EMBEDDING).write_bytes(b"damaged")
    choose(ranked, qtbot, TILTED)
    assert "damaged" in ranked.scan_bar.message
    assert ranked._library.card.bundled and names(ranked) == before
    assert checked(ranked) == [f"photosim’s own ({NEW})"]


def test_a_model_that_cannot_be_read_is_listed_with_its_reason(window: MainWindow, qtbot: QtBot) -> None:
    card = window._library.registry.get(TILTED)
    entries = json.loads((card.folder / CARD).read_text())
    (card.folder / CARD).write_text(json.dumps(entries | {"format": 99}))
    window.models.read()
    settle(window, qtbot)
    listed = entry(window, "A model that cannot be used")
    assert not listed.isEnabled() and "newer photosim" in listed.toolTip()
    assert TILTED not in words(window) and window.models.menu.toolTipsVisible()


def test_a_model_that_cannot_be_read_is_deleted_when_the_user_says_so(
    window: MainWindow, qtbot: QtBot
) -> None:
    card = window._library.registry.get(TILTED)
    good = keep_own(window._library, "Good", seed=8)
    (card.folder / CARD).write_text(json.dumps({"format": 1, "focus": 10**400}))
    window.models.read()
    settle(window, qtbot)
    choice = f"{card.version}, which cannot be used…"
    assert "'focus' is missing or impossible" in entry(window, choice, within="Delete").toolTip()
    choose(window, qtbot, choice, within="Delete")
    assert str(card.folder) in window.notice.text and "answers stay" in window.notice.text
    window.notice.reject_button.click()
    settle(window, qtbot)
    assert card.folder.exists()
    choose(window, qtbot, choice, within="Delete")
    window.notice.accept_button.click()
    settle(window, qtbot)
    assert not card.folder.exists() and window._library.registry.get("Good") == good
    assert "A model that cannot be used" not in words(window)
    assert window.scan_bar.message == f"Deleted {card.folder}"


def test_a_model_damaged_while_it_ranks_is_not_deleted_under_it(ranked: MainWindow, qtbot: QtBot) -> None:
    choose(ranked, qtbot, TILTED)
    card = ranked._library.card
    (card.folder / CARD).write_text("{")
    ranked.models.read()
    settle(ranked, qtbot)
    assert entry(ranked, "Delete").isEnabled()
    choose(ranked, qtbot, f"{card.version}, which cannot be used…", within="Delete")
    ranked.notice.accept_button.click()
    settle(ranked, qtbot)
    assert "choose another model first" in ranked.scan_bar.message and card.folder.exists()


def test_a_model_of_another_trunk_ranks_once_the_photos_are_read_for_it(
    ranked: MainWindow, bundled: Path, qtbot: QtBot
) -> None:
    make_model(bundled, OLD, "colours-32-1")
    ranked.models.read()
    settle(ranked, qtbot)
    said: list[str] = []
    ranked.models.said.connect(said.append)
    before = names(ranked)
    entry(ranked, f"photosim’s earlier one ({OLD})").trigger()
    qtbot.waitUntil(lambda: bool(said), timeout=WAIT)
    assert "read again" in said[0] and OLD in said[0] and NEW in said[0]
    qtbot.waitUntil(lambda: ranked._library.card.version == OLD, timeout=WAIT)
    settle(ranked, qtbot)
    assert names(ranked) != before and not ranked.bar.dial.isEnabled()
    assert checked(ranked) == [f"photosim’s earlier one ({OLD})"]


@pytest.fixture
def of_another_trunk(ranked: MainWindow, bundled: Path, folders: Folders, qtbot: QtBot) -> MainWindow:
    """The window while Mine ranks, the user's own, by the trunk of an earlier bundled model."""
    make_model(bundled, OLD, OLD_TRUNK)
    rename(make_model(folders.models, "mine-old", OLD_TRUNK, with_trunk=False, seed=5), "Mine")
    ranked._library.use_model("mine-old")
    ranked.models.used_elsewhere()
    qtbot.waitUntil(lambda: ranked._library.card.version == "mine-old", timeout=WAIT)
    settle(ranked, qtbot)
    return ranked


def rename(folder: Path, name: str) -> None:
    entries = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps(entries | {"name": name}))


def test_a_model_that_ranks_goes_only_once_the_photos_are_read_for_what_follows(
    of_another_trunk: MainWindow, folders: Folders, qtbot: QtBot
) -> None:
    window = of_another_trunk
    assert not window._library.has_features_for(window._library.registry.default())
    said: list[str] = []
    window.models.said.connect(said.append)

    def ask() -> str:
        window.notice.dismiss()
        entry(window, "Mine…", within="Delete").trigger()
        qtbot.waitUntil(window.notice.isVisible, timeout=WAIT)
        return window.notice.text

    asked = ask()
    assert "must be read for photosim’s own before it can be deleted" in asked and "takes" not in asked
    assert window.notice.accept_button.text() == "Read the photos"
    window.notice.accept_button.click()
    qtbot.waitUntil(lambda: bool(said), timeout=WAIT)
    own = f"photosim’s own ({NEW})"
    assert said == [
        f"Mine can be deleted once the photos are read for {own}, in the background; it ranks until then"
    ]
    assert (folders.models / "mine-old").exists()
    qtbot.waitUntil(lambda: window._library.card.version == NEW, timeout=WAIT)
    settle(window, qtbot)
    assert checked(window) == [own] and "Mine" in words(window)
    assert ask() == "Delete Mine? Your answers stay, so that it can be taught again."
    window.notice.accept_button.click()
    settle(window, qtbot)
    assert said[1:] == ["Deleted Mine"] and not (folders.models / "mine-old").exists()


def test_a_model_stays_where_its_successor_has_got_new_photos_to_read_since_it_was_asked(
    of_another_trunk: MainWindow, folders: Folders, qtbot: QtBot
) -> None:
    window = of_another_trunk
    window.models._ask_to_delete(window._library.card, must_read=False)
    assert "takes its place" in window.notice.text
    window.notice.accept_button.click()
    qtbot.waitUntil(lambda: window._library.card.version == NEW, timeout=WAIT)
    settle(window, qtbot)
    assert (folders.models / "mine-old").exists() and "Mine" in words(window)


def test_an_import_says_whose_network_the_model_uses(
    window: MainWindow, bundled: Path, folders: Folders, tmp_path: Path, qtbot: QtBot
) -> None:
    library = window._library
    make_model(bundled, OLD, OLD_TRUNK)
    rename(make_model(folders.models, "mine-old", OLD_TRUNK, with_trunk=False, seed=5), "Old")
    rename(make_tuned(folders.models, "tuned", bundled / NEW, {"scale": np.ones(1, np.float32)}), "Deep")
    own = f"photosim’s own ({NEW})"
    for name, said in (
        (TILTED, f"Imported {TILTED}; it uses the network of {own}"),
        (
            "Old",
            f"Imported Old; it needs the photos read again for the network of photosim’s earlier one ({OLD})",
        ),
        ("Deep", "Imported Deep; it needs the photos read again: it has a network of its own"),
    ):
        file = tmp_path / f"{name}.photosim"
        library.store.export(library.registry.get(name), file)
        library.delete_model(name)
        window.models.import_(file)
        settle(window, qtbot)
        assert window.scan_bar.message == said


def test_a_model_that_was_kept_elsewhere_shows_at_once(ranked: MainWindow, qtbot: QtBot) -> None:
    """What the wizard does after it kept a model: the library uses it, then the window is told."""
    card = keep_own(ranked._library, "Taught", seed=9, focus=0.2)
    before = names(ranked)
    ranked._library.use_model(card.version)
    ranked.models.used_elsewhere()
    settle(ranked, qtbot)
    assert names(ranked) != before and ranked.sidebar.model_row.name == "Taught"
    assert ranked.navigator.focus == 0.2


def test_a_model_of_another_trunk_that_was_kept_elsewhere_has_the_photos_read_for_it(
    ranked: MainWindow, bundled: Path, qtbot: QtBot
) -> None:
    make_model(bundled, OLD, "colours-32-1")
    said: list[str] = []
    ranked.models.said.connect(said.append)
    assert not ranked._library.use_model(OLD)
    ranked.models.used_elsewhere()
    qtbot.waitUntil(lambda: ranked._library.card.version == OLD, timeout=WAIT)
    settle(ranked, qtbot)
    assert "read again" in said[0]


def test_a_file_name_takes_no_letter_that_a_system_refuses() -> None:
    assert file_name("Only the sky") == "Only the sky.photosim"
    assert file_name("../a:b?") == "-a-b-.photosim"
    assert file_name("…") == "-.photosim" and file_name(" . ") == "model.photosim"
    assert file_name("旅行") == "旅行.photosim"
