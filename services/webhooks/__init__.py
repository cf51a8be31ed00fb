"""Delivers public events to the systems of others: signed, retried, never to an address it should not call."""
