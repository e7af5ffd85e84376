"""Without a screen the window says so in one line; Qt alone would end the process with many."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import PySide6
import pytest

from photosim.errors import PhotosimError
from photosim.gui.screen import require_libraries
from tests.commands import command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there a window may lack a screen")

PLUGIN = Path(PySide6.__file__).parent / "Qt" / "plugins" / "platforms" / "libqxcb.so"


def open_window(library: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    environment.pop("QT_QPA_PLATFORM")
    return subprocess.run(
        command(library), env={**environment, **variables}, capture_output=True, text=True, timeout=50
    )


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "there is no screen to open the window on"),
        ({"DISPLAY": ""}, "there is no screen to open the window on"),
        ({"QT_QPA_PLATFORM": "xcb"}, "there is no screen to open the window on"),
        ({"DISPLAY": ":7777"}, "the display :7777 does not answer"),
        ({"DISPLAY": ":7777", "QT_QPA_PLATFORM": "xcb"}, "the display :7777 does not answer"),
        ({"DISPLAY": "nonsense"}, "the display nonsense does not answer"),
    ],
)
def test_without_a_screen_there_is_one_clear_line(
    variables: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = open_window(tmp_path, **variables)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("photosim: ")
    assert said in done.stderr
    assert "use the commands" in done.stderr


@pytest.mark.skipif(not PLUGIN.exists(), reason="Qt's plugins lie elsewhere")
def test_a_missing_library_is_named_with_its_package(tmp_path: Path) -> None:
    """Qt's own plugin, made to ask for a library that no system has."""
    require_libraries(PLUGIN)
    plugin = tmp_path / "plugins" / "platforms" / PLUGIN.name
    plugin.parent.mkdir(parents=True)
    plugin.write_bytes(PLUGIN.read_bytes().replace(b"libxcb-cursor.so.0", b"libxcb-absent.so.0"))
    (tmp_path / "lib").symlink_to(PLUGIN.parents[2] / "lib")
    with pytest.raises(PhotosimError) as caught:
        require_libraries(plugin)
    assert str(caught.value) == (
        "the window cannot be opened, libxcb-absent.so.0 is missing: install it "
        "(on Debian and Ubuntu: sudo apt-get install libxcb-absent0)"
    )
