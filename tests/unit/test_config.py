"""Settings that cannot be used are refused before anything starts, with the name of what to mend."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.commandline import configured
from services.config import Misconfigured


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
        ("IMBANG_AUDIT_KEY", "pyproject.toml", "IMBANG_AUDIT_KEY=pyproject.toml: not a readable private key"),
        ("IMBANG_AUDIT_ORIGIN", "the log", "IMBANG_AUDIT_ORIGIN"),
        ("IMBANG_AUDIT_ORIGIN", "imbang.example/a+b", "no spaces, control characters or plus sign"),
        ("IMBANG_AUDIT_ORIGIN", "imbang\x01example", "no spaces, control characters or plus sign"),
        ("DATABASE_URL", "sqlite://", "names no file"),
        ("DATABASE_URL", "sqlite:///:memory:", "names no file"),
        ("DATABASE_URL", "sqlite:////tmp", "names no file"),
        ("EVENT_LOG_URL", "amqp://host", "kafka://"),
        ("EVENT_LOG_URL", "kafka://host:9092/x", "Kafka needs PostgreSQL"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    name: str, value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setenv("IMBANG_DIRECTORY", str(tmp_path))
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=said) as refused:
        configured()
    assert "sagu" not in str(refused.value)


def test_a_key_that_is_not_of_the_kind_that_signs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key.pem"
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    monkeypatch.setenv("IMBANG_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("IMBANG_AUDIT_KEY", str(path))
    path.write_bytes(X25519PrivateKey.generate().private_bytes(*form))
    with pytest.raises(Misconfigured, match="not an Ed25519 key"):
        configured()
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(*form))
    assert configured().audit_key == path
