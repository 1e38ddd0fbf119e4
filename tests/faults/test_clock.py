"""A clock that goes backwards: what came later stays later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from grader import store as store_module
from grader.store import Store


def test_attempts_and_reviews_keep_their_order_when_the_clock_goes_backwards(tmp_path, monkeypatch):
    times = (datetime(2030, 1, 1, tzinfo=UTC) - timedelta(hours=hours) for hours in range(100))

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            assert tz is UTC
            return next(times)

    monkeypatch.setattr(store_module, "datetime", Clock)
    store = Store(tmp_path / "grader.db")
    for number in range(10):
        attempt = store.add_attempt("ana", "quiz", "q", "en", f"answer {number}")
        assert store.add_grade(attempt, {"points": number})
        assert not store.add_grade(attempt, {"points": -1})
    for number in range(5):
        store.add_review(1, "teacher", {"points": number})
    found = store.attempts("ana")
    assert [attempt.answer for attempt in found] == [f"answer {number}" for number in range(10)]
    assert [attempt.record["points"] for attempt in found] == list(range(10))
    assert [attempt.time for attempt in found] == sorted((attempt.time for attempt in found), reverse=True)
    assert [review.record["points"] for review in store.reviews(1)] == list(range(5))
