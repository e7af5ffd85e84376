"""Back and forward lead through the views visited, each as it was left."""

from __future__ import annotations

from photosim.gui.history import LIMIT, History
from photosim.gui.views import FAILURES, FOLDER, Browse, QueryItem, Similar

ALL = Browse()
HOLIDAY = Browse(FOLDER, "/photos/holiday")
QUERY = Similar((QueryItem(photo_id=7, path="/photos/a.jpg"),))


def test_back_and_forward_lead_through_the_views_visited() -> None:
    history = History()
    for view in (ALL, HOLIDAY, QUERY):
        history.visit(view)

    assert history.back().view == HOLIDAY
    assert history.back().view == ALL
    assert not history.can_go_back and history.back() is None
    assert history.forward().view == HOLIDAY
    assert history.forward().view == QUERY
    assert not history.can_go_forward and history.forward() is None


def test_a_new_visit_forgets_what_lay_ahead() -> None:
    history = History()
    for view in (ALL, HOLIDAY):
        history.visit(view)
    history.back()
    history.visit(QUERY)

    assert not history.can_go_forward
    assert history.back().view == ALL


def test_a_view_comes_back_as_it_was_left() -> None:
    history = History()
    history.visit(ALL)
    history.leave(scroll=1200, photo_id=42, selected=(42, 43))
    history.visit(QUERY)

    visit = history.back()
    assert (visit.scroll, visit.photo_id, visit.selected) == (1200, 42, (42, 43))


def test_another_state_of_a_view_is_no_step_of_its_own() -> None:
    history = History()
    history.visit(ALL)
    history.visit(QUERY)
    history.amend(Similar(QUERY.items, cut=0.5))

    assert history.current.view.cut == 0.5
    assert history.back().view == ALL
    assert history.forward().view.cut == 0.5


def test_an_endless_session_keeps_the_latest_views() -> None:
    history = History()
    for number in range(LIMIT + 20):
        history.visit(Browse(FOLDER, f"/photos/{number}"))
    steps = 0
    while history.back() is not None:
        steps += 1
    assert steps == LIMIT - 1
    assert history.current.view.folder == "/photos/20"


def test_an_empty_history_has_nothing_to_go_to() -> None:
    history = History()
    history.leave(0, None, ())
    history.amend(Browse(FAILURES))
    assert history.current is None and history.back() is None and history.forward() is None
