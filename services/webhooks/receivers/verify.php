<?php
// Verify a message of Imbang. $body is file_get_contents('php://input'), before anything has parsed it.
function verify(string $secret, array $headers, string $body): string
{
    $sent = array_change_key_case($headers, CASE_LOWER);
    [$id, $timestamp] = [$sent['webhook-id'], $sent['webhook-timestamp']];
    if (!ctype_digit($timestamp) || abs(time() - (int) $timestamp) > 300) {
        throw new RuntimeException('too old, or the clock is wrong');
    }
    $key = base64_decode(substr($secret, strlen('whsec_')), true);
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    foreach (explode(' ', $sent['webhook-signature']) as $signature) {
        if (hash_equals($expected, $signature)) {
            return $id; // remember it, and do nothing the second time it comes
        }
    }
    throw new RuntimeException('no signature matches'); // answer 401
}
