"""When messages are tried again and when an endpoint is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.webhooks.schedule import DELAYS, JITTER, Health, Outcome, Verdict, asked_pause, classify, delay, judge

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def test_the_last_attempt_comes_75_hours_35_minutes_and_5_seconds_after_the_first() -> None:
    *_, last = accumulate(DELAYS)
    assert (len(DELAYS), last) == (10, timedelta(hours=75, minutes=35, seconds=5))


def test_the_first_attempt_is_made_at_once() -> None:
    assert delay("m", 1) == timedelta(0)


def test_after_the_tenth_attempt_a_message_is_not_tried_again() -> None:
    assert delay("m", 11) is None
    assert judge("m", 10, 500, "60", now=NOW) == Verdict("failed")


@settings(derandomize=True)
@given(st.text(max_size=40), st.integers(min_value=1, max_value=10))
def test_a_wait_is_never_shorter_than_its_delay_and_at_most_a_tenth_longer(message: str, attempt: int) -> None:
    wait = delay(message, attempt)
    assert wait is not None
    assert DELAYS[attempt - 1] <= wait <= DELAYS[attempt - 1] * (1 + JITTER)


def test_the_jitter_belongs_to_the_message_and_the_attempt() -> None:
    assert delay("a", 5) == delay("a", 5)
    assert len({delay(f"message-{n}", 5) for n in range(100)}) == 100


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (299, "delivered"),
        (410, "gone"),
        (429, "throttled"),
        (502, "throttled"),
        (504, "throttled"),
        (301, "failed"),
        (307, "failed"),
        (400, "failed"),
        (404, "failed"),
        (500, "failed"),
        (503, "failed"),
        (None, "failed"),
    ],
)
def test_an_answer_has_the_outcome_of_the_standard(status: int | None, outcome: Outcome) -> None:
    assert classify(status) == outcome


def test_a_delivered_message_is_done_and_one_that_is_gone_is_not_tried_again() -> None:
    assert judge("m", 1, 204, "60", now=NOW) == Verdict("delivered")
    assert judge("m", 1, 410, "60", now=NOW) == Verdict("gone")


def test_a_failed_message_waits_for_the_next_place_of_the_schedule() -> None:
    wait = delay("m", 4)
    assert wait is not None
    assert judge("m", 3, 500, None, now=NOW) == Verdict("failed", NOW + wait)


def test_a_throttled_endpoint_pauses_as_long_as_it_asks() -> None:
    until = NOW + timedelta(minutes=10)
    assert judge("m", 1, 429, "600", now=NOW) == Verdict("throttled", until, until)


def test_a_throttled_endpoint_that_does_not_say_pauses_a_minute_however_late_the_attempt() -> None:
    assert judge("m", 9, 502, None, now=NOW).pause_until == NOW + timedelta(minutes=1)
    assert judge("m", 10, 504, None, now=NOW) == Verdict("throttled", None, NOW + timedelta(minutes=1))


def test_a_failure_that_asks_for_patience_gets_it_without_pausing_the_endpoint() -> None:
    assert judge("m", 1, 503, "600", now=NOW) == Verdict("failed", NOW + timedelta(minutes=10))


def test_nothing_brings_an_attempt_forward() -> None:
    wait = delay("m", 6)
    assert wait is not None
    assert judge("m", 5, 429, "1", now=NOW).retry_at == NOW + wait


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta(0)),
        ("Thu, 01 Jan 2026 00:02:00 GMT", timedelta(minutes=2)),
        ("Thu Jan  1 00:02:00 2026", timedelta(minutes=2)),
        ("Wed, 31 Dec 2025 00:00:00 GMT", timedelta(0)),
        ("Fri, 01 Jan 2027 00:00:00 GMT", DAY),
        ("9" * 40, DAY),
        ("-5", timedelta(0)),
        ("1.5", timedelta(0)),
        ("٣", timedelta(0)),
        ("soon", timedelta(0)),
        ("", timedelta(0)),
        (None, timedelta(0)),
    ],
)
def test_retry_after_is_seconds_or_a_date_at_most_a_day_and_otherwise_nothing(
    header: str | None, pause: timedelta
) -> None:
    assert asked_pause(header, NOW) == pause


def test_an_endpoint_is_given_up_when_everything_failed_for_five_days() -> None:
    health = Health().after("failed", NOW).after("throttled", NOW + 4 * DAY)
    assert health.failing_since == NOW
    assert not health.given_up(NOW + 5 * DAY - timedelta(seconds=1))
    assert health.given_up(NOW + 5 * DAY)


def test_one_delivery_makes_an_endpoint_healthy_again() -> None:
    health = Health().after("failed", NOW).after("delivered", NOW + 4 * DAY)
    assert not health.given_up(NOW + 99 * DAY)
    assert health.after("failed", NOW + 5 * DAY).failing_since == NOW + 5 * DAY
