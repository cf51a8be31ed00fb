"""Settings that cannot be used are refused before anything starts, with the name of what to mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.app import NAMES
from services.config import Misconfigured, from_environment


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("IMBANG_PORT", "x", "IMBANG_PORT"),
        ("IMBANG_PORT", "99999", "1 to 65535"),
        ("IMBANG_DEMO", "perhaps", "IMBANG_DEMO"),
        ("IMBANG_SERVICES", "peple", "no service peple"),
        ("IMBANG_DIRECTORY", "/proc/nowhere", "IMBANG_DIRECTORY"),
        ("DATABASE_URL", "nonsense", "DATABASE_URL"),
        ("DATABASE_URL", "mysql://imbang:sagu@host/name", "names mysql"),
        ("AUDIT_DATABASE_URL", "sqlite:///other.db", "all services in one database"),
        ("IMBANG_WEBHOOK_NETWORKS", "abc", "IMBANG_WEBHOOK_NETWORKS"),
        ("IMBANG_AUDIT_KEY", "/nowhere", "IMBANG_AUDIT_KEY"),
        ("EVENT_LOG_URL", "amqp://host", "kafka://"),
        ("EVENT_LOG_URL", "kafka://host:9092/x", "Kafka needs PostgreSQL"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    name: str, value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMBANG_DIRECTORY", str(tmp_path))
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=said) as refused:
        from_environment(NAMES)
    assert "sagu" not in str(refused.value)
