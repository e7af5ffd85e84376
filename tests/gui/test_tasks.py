"""Work off the GUI thread always comes home: one outcome, on the GUI thread, or silence when cancelled."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QThread
from pytestqt.qtbot import QtBot

from photosim.errors import PhotosimError
from photosim.gui.tasks import TaskRunner


@pytest.fixture
def runner(qtbot: QtBot) -> Iterator[TaskRunner]:
    runner = TaskRunner()
    yield runner
    runner.close()


def test_work_runs_elsewhere_and_its_result_comes_home(runner: TaskRunner, qtbot: QtBot) -> None:
    seen: dict[str, Any] = {}

    def on_result(thread: QThread) -> None:
        seen["worked in"] = thread
        seen["answered in"] = QThread.currentThread()

    runner.run(QThread.currentThread, on_result)
    qtbot.waitUntil(lambda: "answered in" in seen)

    gui = QCoreApplication.instance().thread()
    assert seen["worked in"] is not gui
    assert seen["answered in"] is gui
    assert not runner.busy


def test_an_error_comes_home_instead_of_a_result(runner: TaskRunner, qtbot: QtBot) -> None:
    results: list[object] = []
    errors: list[Exception] = []

    def fail() -> None:
        raise ValueError("no")

    runner.run(fail, results.append, errors.append)
    qtbot.waitUntil(lambda: bool(errors))

    assert isinstance(errors[0], ValueError)
    assert results == []


def test_an_error_a_user_can_act_on_becomes_one_line(runner: TaskRunner, qtbot: QtBot) -> None:
    def fail() -> None:
        raise PhotosimError("the disk is full: free some space")

    with qtbot.waitSignal(runner.failed) as caught:
        runner.run(fail, lambda _: None)

    assert caught.args == ["the disk is full: free some space"]


def test_a_bug_surfaces_on_the_gui_thread(
    runner: TaskRunner, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[tuple[type[BaseException], QThread]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: raised.append((kind, QThread.currentThread())))

    runner.run(lambda: 1 / 0, lambda _: None)
    qtbot.waitUntil(lambda: bool(raised))

    assert raised == [(ZeroDivisionError, QCoreApplication.instance().thread())]


def test_cancelled_work_is_never_heard_of(runner: TaskRunner, qtbot: QtBot) -> None:
    started, release = threading.Event(), threading.Event()
    heard: list[object] = []

    def work() -> None:
        started.set()
        release.wait()

    running = runner.run(work, heard.append, heard.append, pool="one")
    waiting = runner.run(lambda: heard.append("ran"), heard.append, heard.append, pool="one")
    assert started.wait(5)
    running.cancel()
    waiting.cancel()
    release.set()
    with qtbot.waitCallback() as after:
        runner.run(lambda: "after", after, pool="one")

    assert heard == []


def test_tasks_of_a_named_pool_keep_their_order(runner: TaskRunner, qtbot: QtBot) -> None:
    order: list[int] = []
    for number in range(50):
        runner.run(lambda number=number: number, order.append, pool="search")
    qtbot.waitUntil(lambda: len(order) == 50)
    assert order == list(range(50))


def test_pools_do_not_wait_for_each_other(runner: TaskRunner, qtbot: QtBot) -> None:
    release = threading.Event()
    runner.run(release.wait, lambda _: None, pool="slow")
    with qtbot.waitCallback() as answered:
        runner.run(lambda: "quick", answered, pool="quick")
    release.set()


def test_closing_waits_for_running_work_and_takes_no_more(qtbot: QtBot) -> None:
    runner = TaskRunner()
    started = threading.Event()
    finished: list[bool] = []
    heard: list[object] = []

    def work() -> None:
        started.set()
        QThread.msleep(50)
        finished.append(True)

    runner.run(work, heard.append)
    assert started.wait(5)
    runner.close()
    QCoreApplication.processEvents()

    assert finished == [True]
    assert heard == []
    with pytest.raises(RuntimeError):
        runner.run(lambda: None, heard.append)


def test_work_of_one_pool_can_be_waited_for(runner: TaskRunner, qtbot: QtBot) -> None:
    done: list[int] = []
    heard: list[int] = []
    for number in range(3):

        def work(number: int = number) -> int:
            time.sleep(0.02)
            done.append(number)
            return number

        runner.run(work, heard.append, pool="kept")
    runner.finish("kept")
    assert done == [0, 1, 2]
    assert heard == []
    qtbot.waitUntil(lambda: heard == [0, 1, 2])
