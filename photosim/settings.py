"""What the user chose, as one JSON file in the data folder, written whole or not at all."""

from __future__ import annotations

import copy
import json
import logging
import threading
from pathlib import Path
from typing import Any

from photosim.atomic import write_atomically

_log = logging.getLogger(__name__)


class Settings:
    """Values by name. A missing or damaged file means the defaults: settings are never worth an error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            values = {}
        self._values: dict[str, Any] = values if isinstance(values, dict) else {}

    def get(self, name: str, default: Any = None) -> Any:
        """A value, or the default where there is none or one of another type than the default's."""
        with self._lock:
            value = copy.deepcopy(self._values.get(name, default))
        return value if default is None or isinstance(value, type(default)) else default

    def set(self, name: str, value: Any) -> None:
        """Keep a value that JSON can hold; a disk that cannot take it is logged, not raised."""
        with self._lock:
            if name in self._values and self._values[name] == value:
                return
            self._values[name] = copy.deepcopy(value)
            # ASCII, since a path that is not UTF-8 has no other form; under the lock, so that the last wins.
            text = json.dumps(self._values, indent=1)
            try:
                write_atomically(self._path, lambda path: path.write_text(text, encoding="ascii"))
            except OSError as error:
                _log.warning("the settings were not kept: %s", error)
