"""Read by Python when an instance of the scene starts: a consumer's turn lasts seconds instead of five minutes."""

from kafka import KafkaConsumer

KafkaConsumer.DEFAULT_CONFIG["max_poll_interval_ms"] = 12_000
