"""Lets a mistake in an event handler be told of, where the Qt binding would end the program."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

from PySide6.QtCore import QObject

NEEDED = sys.version_info < (3, 12)
"""Before Python 3.12 an error that comes from C, `int("x")` for one, is no exception object until somebody
catches it. PySide 6.11 takes what leaves a method that Qt calls for such an object, unasked: it writes to an
address that is none, and the program ends without a word."""


def make_errors_whole() -> None:
    """See to every class that is made of QObject from now on: what leaves its overrides are whole exceptions.

    They are reported as ever, by sys.excepthook. Nothing is done where Python needs no help.
    """
    if NEEDED:
        QObject.__init_subclass__ = classmethod(_wrap_overrides)  # type: ignore[assignment,method-assign]


def _wrap_overrides(cls: type[QObject], /, **named: Any) -> None:
    super(QObject, cls).__init_subclass__(**named)
    for name, value in list(vars(cls).items()):
        if isinstance(value, FunctionType) and not name.startswith("_") and _is_qts(cls, name):
            setattr(cls, name, _whole(value))


def _is_qts(cls: type, name: str) -> bool:
    """Whether Qt has a method of this name, which it may call."""
    return any(name in vars(base) for base in cls.__mro__[1:] if base.__module__.startswith("PySide6."))


def _whole(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def override(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except BaseException:  # catching it is what makes it an object
            raise

    return override
