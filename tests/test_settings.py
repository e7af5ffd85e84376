"""What the user chose is there at the next start, and a damaged file costs no more than the choices."""

from __future__ import annotations

import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from photosim.settings import Settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


def test_choices_are_kept(path: Path) -> None:
    values = {"focus": 0.25, "sizes": [1, 2], "name": "山 Ä", "on": True, "nothing": None, "map": {"a": [1]}}
    settings = Settings(path)
    for name, value in values.items():
        settings.set(name, value)
    again = Settings(path)
    for name, value in values.items():
        assert again.get(name) == settings.get(name) == value
    assert again.get("never set") is None
    assert again.get("never set", 3) == 3
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"focus": 0.',
        b"[1, 2]",
        b"null",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"a": 1} more',
        b"\0" * 99,
    ],
)
def test_a_damaged_file_means_the_defaults_and_is_written_anew(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    settings = Settings(path)
    assert settings.get("focus", 0.5) == 0.5
    settings.set("focus", 0.75)
    assert Settings(path).get("focus", 0.5) == 0.75


def test_a_value_of_another_type_than_the_default_is_not_believed(path: Path) -> None:
    path.write_text(json.dumps({"focus": "much", "size": None, "names": {"a": 1}}))
    settings = Settings(path)
    assert settings.get("focus", 0.5) == 0.5
    assert settings.get("size", 160) == 160
    assert settings.get("names", ["x"]) == ["x"]
    assert settings.get("focus") == "much"


def test_a_list_that_was_changed_and_set_again_is_kept(path: Path) -> None:
    settings = Settings(path)
    settings.set("recent", ["a"])
    recent = settings.get("recent", [])
    recent.append("b")
    assert settings.get("recent") == ["a"], "not before it is set"
    settings.set("recent", recent)
    recent.append("c")
    assert settings.get("recent") == Settings(path).get("recent") == ["a", "b"]


def test_a_path_that_is_not_utf8_is_kept(path: Path) -> None:
    folder = os.fsdecode(b"/photos/caf\xe9")
    Settings(path).set("last folder", folder)
    assert Settings(path).get("last folder") == folder


def test_threads_that_set_at_once_lose_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: settings.set(f"value {number}", "x" * number), range(200)))
    again = Settings(path)
    assert [again.get(f"value {number}") for number in range(200)] == ["x" * number for number in range(200)]
    assert caplog.records == []


def test_settings_that_cannot_be_written_hold_for_this_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(tmp_path / "nowhere" / "settings.json")
    with caplog.at_level(logging.WARNING):
        settings.set("focus", 0.75)
    assert settings.get("focus") == 0.75
    assert "not kept" in caplog.text


def test_an_unchanged_value_is_not_written_again(path: Path) -> None:
    settings = Settings(path)
    settings.set("focus", 0.75)
    path.unlink()
    settings.set("focus", 0.75)
    assert not path.exists()
