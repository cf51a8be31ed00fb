"""When a message is tried again, and when an endpoint is left alone. Pure: the same facts give the same times.

Source: Standard Webhooks 1.0, "Deliverability and reliability" and "Delivery success and failure".

| Answer | Means | Then |
|---|---|---|
| 2xx | delivered | done |
| 410 | gone | the endpoint is disabled at once |
| 429, 502, 504 | throttled | the schedule, and the whole endpoint pauses as asked, or for a minute |
| anything else, 3xx included, or none | failed | the schedule |

`Retry-After` moves the next attempt back, never forward, and at most by a day.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

Outcome = Literal["delivered", "failed", "throttled", "gone"]

#: The wait before each attempt; ten attempts in a little over 75 hours.
DELAYS = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
#: How much longer than its delay a wait may be, so that messages that failed together do not return together.
JITTER = 0.1
#: How long a throttled endpoint pauses when it does not say, and the most that it can ask for.
PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(days=1)
#: An endpoint is disabled when nothing has reached it for this long.
PATIENCE = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from an attempt.

    `retry_at`: when this message is tried again; None when it is not, by itself. `pause_until`: nothing else is sent to
    the endpoint before.
    """

    outcome: Outcome
    retry_at: datetime | None = None
    pause_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Since when every attempt at an endpoint has failed; None while it answers."""

    failing_since: datetime | None = None

    def after(self, outcome: Outcome, now: datetime) -> Health:
        return Health() if outcome == "delivered" else Health(self.failing_since or now)

    def given_up(self, now: datetime) -> bool:
        return self.failing_since is not None and now - self.failing_since >= PATIENCE


def classify(status: int | None) -> Outcome:
    """The outcome of an attempt by its HTTP status; None when no answer came."""
    if status is not None and 200 <= status < 300:
        return "delivered"
    if status == 410:
        return "gone"
    return "throttled" if status in (429, 502, 504) else "failed"


def judge(message: str, attempt: int, status: int | None, retry_after: str | None, *, now: datetime) -> Verdict:
    """What follows from attempt number `attempt` (from 1) of a message. `retry_after` is the header as it came."""
    outcome = classify(status)
    if outcome in ("delivered", "gone"):
        return Verdict(outcome)
    asked, wait = asked_pause(retry_after, now), delay(message, attempt + 1)
    return Verdict(
        outcome,
        retry_at=None if wait is None else now + max(wait, asked),
        pause_until=now + (asked or PAUSE) if outcome == "throttled" else None,
    )


def delay(message: str, attempt: int) -> timedelta | None:
    """The wait before an attempt (from 1), with the jitter that belongs to this message; None after the last."""
    if attempt > len(DELAYS):
        return None
    draw = hashlib.sha256(f"{message}:{attempt}".encode()).digest()
    return DELAYS[attempt - 1] * (1 + JITTER * int.from_bytes(draw[:4]) / 2**32)


def asked_pause(retry_after: str | None, now: datetime) -> timedelta:
    """What a `Retry-After` header asks for, in seconds or as an HTTP date; nothing when it cannot be read."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal():
        return timedelta(seconds=min(int(text[:9]), LONGEST_PAUSE.total_seconds()))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return timedelta(0)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment - now, timedelta(0)), LONGEST_PAUSE)
