"""The test suite keeps its own promises: what a test leaves behind, or raises unseen, fails it."""

from __future__ import annotations

from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.timeout(120)


def outcome(pytester: pytest.Pytester, body: str) -> tuple[dict[str, int], str]:
    """Run one test file under the suite's own plugin and settings, in a process of its own."""
    pytester.makeconftest(
        f"""
        import os, sys
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        sys.path.insert(0, {str(CHECKOUT)!r})
        pytest_plugins = ["tests.leaks"]
        """
    )
    pytester.makepyfile(body)
    result = pytester.runpytest_subprocess(
        "-c", str(CHECKOUT / "pyproject.toml"), f"--rootdir={pytester.path}", "-p", "no:cacheprovider", "."
    )
    return result.parseoutcomes(), result.stdout.str()


def test_a_clean_test_passes(pytester: pytest.Pytester) -> None:
    outcomes, _ = outcome(
        pytester,
        """
        import threading
        def test_clean(qtbot):
            from PySide6.QtWidgets import QLabel
            label = QLabel("seen")
            qtbot.addWidget(label)
            label.show()
            thread = threading.Thread(target=lambda: None)
            thread.start()
            thread.join()
        """,
    )
    assert outcomes == {"passed": 1}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param(
            """
            import threading
            keep = threading.Event()
            def test_leaks():
                threading.Thread(target=keep.wait, name="forgotten", daemon=True).start()
            """,
            "thread 'forgotten'",
            id="python thread",
        ),
        pytest.param(
            """
            import subprocess, sys
            kept = []
            def test_leaks():
                kept.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"]))
            def teardown_module():
                kept[0].kill()
                kept[0].wait()
            """,
            "child process",
            id="child process",
        ),
        pytest.param(
            """
            import multiprocessing
            kept = []
            def test_leaks():
                context = multiprocessing.get_context("spawn")
                event = context.Event()
                worker = context.Process(target=event.wait, args=(20,), daemon=True)
                worker.start()
                kept.extend([worker, event])
            """,
            "child process",
            id="spawned worker",
        ),
        pytest.param(
            """
            from PySide6.QtCore import QThread
            class Sleeper(QThread):
                def run(self):
                    self.msleep(4000)
            kept = []
            def test_leaks(qapp):
                thread = Sleeper(objectName="forgotten")
                kept.append(thread)
                thread.start()
            def teardown_module():
                kept[0].wait()
            """,
            "running QThread forgotten",
            id="qthread",
        ),
        pytest.param(
            """
            from PySide6.QtCore import QThread, QThreadPool
            kept = []
            def test_leaks(qapp):
                pool = QThreadPool(objectName="decoding")
                kept.append(pool)
                pool.start(lambda: QThread.msleep(4000))
            """,
            "1 job(s) in QThreadPool decoding",
            id="pool job",
        ),
        pytest.param(
            """
            from PySide6.QtWidgets import QLabel
            kept = []
            def test_leaks(qapp):
                label = QLabel("forgotten", objectName="forgotten")
                kept.append(label)
                label.show()
            """,
            "top-level widget QLabel forgotten",
            id="top-level widget",
        ),
    ],
)
def test_what_a_test_leaves_behind_fails_it(pytester: pytest.Pytester, body: str, named: str) -> None:
    outcomes, printed = outcome(pytester, body)
    assert outcomes == {"passed": 1, "errors": 1}
    assert "the test left behind: " in printed
    assert named in printed


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            """
            from PySide6.QtCore import QObject, Signal
            class Source(QObject):
                fired = Signal()
            def broken():
                raise ZeroDivisionError("in a slot")
            def test_raises_unseen(qapp):
                source = Source()
                source.fired.connect(broken)
                source.fired.emit()
            """,
            id="slot",
        ),
        pytest.param(
            """
            from PySide6.QtWidgets import QWidget
            class Canvas(QWidget):
                def paintEvent(self, event):
                    raise ZeroDivisionError("in paint")
            def test_raises_unseen(qtbot):
                canvas = Canvas()
                qtbot.addWidget(canvas)
                canvas.grab()
            """,
            id="paint",
        ),
        pytest.param(
            """
            from PySide6.QtCore import QThreadPool
            def broken():
                raise ZeroDivisionError("in a pool")
            def test_raises_unseen(qapp):
                pool = QThreadPool()
                pool.start(broken)
                pool.waitForDone()
            """,
            id="pool job",
        ),
        pytest.param(
            """
            import threading
            def broken():
                raise ZeroDivisionError("in a thread")
            def test_raises_unseen():
                thread = threading.Thread(target=broken)
                thread.start()
                thread.join()
            """,
            id="python thread",
        ),
        pytest.param(
            """
            from PySide6.QtCore import qWarning
            def test_warns_unseen(qtbot):
                qWarning("something is wrong")
            """,
            id="warning of Qt's",
        ),
        pytest.param(
            """
            import warnings
            def test_warns():
                warnings.warn("something is old", DeprecationWarning)
            """,
            id="warning of Python's",
        ),
    ],
)
def test_what_goes_wrong_unseen_fails_the_test(pytester: pytest.Pytester, body: str) -> None:
    outcomes, printed = outcome(pytester, body)
    assert outcomes.get("passed", 0) == 0 or outcomes.get("errors"), printed
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) >= 1, printed
