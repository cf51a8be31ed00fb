"""Verify a message of Imbang with the standard library. Look at nothing in the body before this has returned."""

import base64
import hashlib
import hmac
import time


def verify(secret: str, headers: dict[str, str], body: bytes) -> str:
    """The id of the message; remember it, and do nothing the second time it comes. ValueError: answer 401."""
    sent = {name.lower(): value for name, value in headers.items()}
    message, timestamp = sent["webhook-id"], sent["webhook-timestamp"]
    if abs(time.time() - int(timestamp)) > 300:
        raise ValueError("too old, or the clock is wrong")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{message}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    for signature in sent["webhook-signature"].split(" "):
        if hmac.compare_digest(expected, signature):
            return message
    raise ValueError("no signature matches")
