"""Signatures against the published vectors and the `standardwebhooks` package, and everything that must be rejected."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from services.webhooks.signing import (
    REASONS,
    Keyring,
    MalformedKey,
    PrivateKey,
    PublicKey,
    Rejected,
    Secret,
    headers,
    parse,
    verify,
)

ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
NOW = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRIVATE = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
V1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
V1A = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="


def secret(text: str = SECRET) -> Secret:
    key = parse(text)
    assert isinstance(key, Secret)
    return key


def private() -> PrivateKey:
    key = parse(PRIVATE)
    assert isinstance(key, PrivateKey)
    return key


def public() -> PublicKey:
    key = parse(PUBLIC)
    assert isinstance(key, PublicKey)
    return key


def reason_of(received: dict[str, str], body: bytes = BODY, now: datetime = NOW) -> str:
    with pytest.raises(Rejected) as caught:
        verify(received, body, [secret(), public()], now=now)
    return caught.value.reason


SIGNED = {"webhook-id": ID, "webhook-timestamp": "1614265330", "webhook-signature": V1}


def test_the_vector_of_the_symmetric_scheme_is_reproduced() -> None:
    assert headers(ID, BODY, [secret()], now=NOW) == SIGNED


def test_the_vector_of_the_asymmetric_scheme_is_reproduced() -> None:
    assert headers(ID, BODY, [private()], now=NOW)["webhook-signature"] == V1A
    assert verify({**SIGNED, "webhook-signature": V1A}, BODY, [public()], now=NOW) == ID


@settings(derandomize=True, deadline=None)
@given(st.binary(min_size=24, max_size=64), st.text(max_size=200))
def test_the_reference_package_makes_the_same_signature(key: bytes, text: str) -> None:
    signed = headers(ID, text.encode(), [Secret(key)], now=NOW)
    assert signed["webhook-signature"] == Webhook(key).sign(ID, NOW, text)


def test_the_reference_package_accepts_what_is_sent_now() -> None:
    signed = headers(ID, BODY, [private(), secret()], now=datetime.now(UTC))
    assert Webhook(SECRET).verify(BODY, signed) == {"test": 2432232314}


def test_the_same_moment_in_another_zone_gives_the_same_signature() -> None:
    in_ternate = NOW.astimezone(timezone(timedelta(hours=9)))
    assert headers(ID, BODY, [secret()], now=in_ternate) == SIGNED


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        headers(ID, BODY, [secret()], now=NOW.replace(tzinfo=None))


@pytest.mark.parametrize("message", ["", "a.b", "a b", "a\r\nx-evil: 1", "é", "a" * 129])
def test_an_id_that_could_shift_the_signed_text_is_never_signed(message: str) -> None:
    with pytest.raises(ValueError, match="message id"):
        headers(message, BODY, [secret()], now=NOW)


def test_header_names_are_matched_in_any_case() -> None:
    assert verify({name.title(): value for name, value in SIGNED.items()}, BODY, [secret()], now=NOW) == ID


def test_old_and_new_key_both_sign_until_the_overlap_ends() -> None:
    old, new = Secret.generate(), PrivateKey.generate()
    ring = Keyring(old).rotate(new, now=NOW, overlap=timedelta(days=1))
    during = headers(ID, BODY, ring.at(NOW), now=NOW)
    assert verify(during, BODY, [old], now=NOW) == verify(during, BODY, [new.public], now=NOW) == ID
    after = NOW + timedelta(days=1)
    assert ring.at(after) == [new]
    with pytest.raises(Rejected):
        verify(headers(ID, BODY, ring.at(after), now=after), BODY, [old], now=after)


def test_a_second_rotation_keeps_the_keys_whose_overlap_still_runs() -> None:
    first, second, third = Secret.generate(), Secret.generate(), Secret.generate()
    ring = Keyring(first).rotate(second, now=NOW, overlap=timedelta(days=3))
    later = NOW + timedelta(days=1)
    assert ring.rotate(third, now=later, overlap=timedelta(days=1)).at(later) == [third, second, first]
    much_later = NOW + timedelta(days=3)
    assert ring.rotate(third, now=much_later, overlap=timedelta(days=1)).at(much_later) == [third, second]


def test_a_receiver_with_the_old_key_finds_its_signature_among_others() -> None:
    received = {**SIGNED, "webhook-signature": f"v2,future nonsense v1,AAAA {V1A} {V1}"}
    assert verify(received, BODY, [secret()], now=NOW) == ID


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_five_minutes_either_way_are_tolerated(seconds: int) -> None:
    assert verify(SIGNED, BODY, [secret()], now=NOW + timedelta(seconds=seconds)) == ID


def test_older_and_newer_messages_are_rejected_with_the_difference_said() -> None:
    assert reason_of(SIGNED, now=NOW + timedelta(seconds=301)) == "too_old"
    assert reason_of(SIGNED, now=NOW - timedelta(seconds=301)) == "too_new"


@pytest.mark.parametrize("name", SIGNED)
def test_a_missing_header_is_named_as_such(name: str) -> None:
    assert reason_of({key: value for key, value in SIGNED.items() if key != name}) == "headers_missing"


@pytest.mark.parametrize(
    "timestamp", ["", "x", "1614265330.0", "+1614265330", "1e9", "١٦١٤", "0", "9" * 30, " 1614265330"]
)
def test_a_timestamp_is_plain_digits(timestamp: str) -> None:
    assert reason_of({**SIGNED, "webhook-timestamp": timestamp}) == "headers_malformed"


@pytest.mark.parametrize(
    "signature",
    ["", ",", "v1", "v1,", "v1,!!", V1.lower(), V1[:-4], V1 + "=", V1[3:], V1A.replace("v1a", "v1"), "\udc80"],
)
def test_a_malformed_signature_is_rejected_and_never_an_error(signature: str) -> None:
    assert reason_of({**SIGNED, "webhook-signature": signature}) == "no_match"


def test_a_signature_of_one_scheme_does_not_pass_for_the_other() -> None:
    assert reason_of({**SIGNED, "webhook-signature": V1A.replace("v1a,", "v1,")}) == "no_match"
    assert reason_of({**SIGNED, "webhook-signature": V1.replace("v1,", "v1a,")}) == "no_match"


@pytest.mark.parametrize("at", range(len(BODY)))
def test_no_byte_of_the_body_can_be_changed(at: int) -> None:
    changed = bytearray(BODY)
    changed[at] ^= 1
    for signature in (V1, V1A):
        assert reason_of({**SIGNED, "webhook-signature": signature}, bytes(changed)) == "no_match"


def test_neither_id_nor_timestamp_can_be_changed() -> None:
    assert reason_of({**SIGNED, "webhook-id": ID + "x"}) == "no_match"
    assert reason_of({**SIGNED, "webhook-timestamp": "1614265331"}) == "no_match"


@pytest.mark.parametrize("text", [SECRET, PRIVATE, PUBLIC])
def test_a_key_is_written_as_it_was_read(text: str) -> None:
    assert str(parse(f" {text}\n")) == text


def test_new_keys_are_read_back() -> None:
    made_secret, made_private = Secret.generate(), PrivateKey.generate()
    assert parse(str(made_secret)) == made_secret
    assert str(parse(str(made_private))) == str(made_private)
    assert len(made_secret.secret) == 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        SECRET.removeprefix("whsec_"),
        "whsec_" + b64encode(bytes(23)).decode(),
        "whsec_" + b64encode(bytes(65)).decode(),
        "whsec_not base64",
        PRIVATE.replace("whsk", "whpk"),
        PUBLIC.replace("whpk", "whsk"),
        PRIVATE.replace("Kvg==", "Kvw=="),
    ],
)
def test_what_is_no_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(MalformedKey) as caught:
        parse(text)
    assert not text or text[6:] not in str(caught.value)


def test_printing_a_key_object_shows_no_secret() -> None:
    assert "MfKQ" not in repr(secret())
    assert repr(secret().secret) not in repr(Keyring(secret()))
    assert repr(private()) == "PrivateKey()"


def test_every_reason_has_a_remedy_in_both_languages() -> None:
    assert all(indonesian and english for indonesian, english in REASONS.values())
