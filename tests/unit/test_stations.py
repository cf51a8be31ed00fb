"""The stations themselves: real servers that answer, survive their own death, and are named when they are missing."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from playwright.sync_api import sync_playwright

from deploy.native import Kafka, Postgres
from tests.stations import CHROMIUM_FLAGS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_an_empty_postgres_database(postgres_url: str, turn: int) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE visited (turn integer)")
        connection.execute("INSERT INTO visited VALUES (%s)", [turn])
        assert connection.execute("SELECT turn FROM visited").fetchall() == [(turn,)]


def test_postgres_keeps_what_was_committed_when_it_is_killed(own_postgres: Postgres) -> None:
    with psycopg.connect(own_postgres.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    own_postgres.kill()
    assert own_postgres.pid is None
    own_postgres.start()
    with psycopg.connect(own_postgres.url()) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


def test_kafka_carries_a_record(kafka_address: str, topic_prefix: str) -> None:
    topic = TopicPartition(f"{topic_prefix}mutation", 0)
    send_one(kafka_address, topic)
    assert read_one(kafka_address, topic) == (b"a key", b"a value")


def test_kafka_keeps_what_it_acknowledged_when_it_is_killed(own_kafka: Kafka) -> None:
    topic = TopicPartition("mutation", 0)
    send_one(own_kafka.address, topic)
    own_kafka.kill()
    assert own_kafka.pid is None
    own_kafka.start()
    assert read_one(own_kafka.address, topic) == (b"a key", b"a value")


def test_chromium_renders_a_page(chromium: Path) -> None:
    def rendered() -> tuple[str, str]:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
            page = browser.new_page()
            page.goto("data:text/html,<h1>Imbang</h1><script>document.title = 2 * 21</script>")
            found = page.inner_text("h1"), page.title()
            browser.close()
            return found

    # In a thread of its own: the browser tests of this worker keep a Playwright open, and one thread has one.
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(rendered).result() == ("Imbang", "42")


def test_a_missing_part_is_skipped_and_named_in_the_last_line() -> None:
    run = run_without_a_browser()
    assert run.returncode == 0
    assert run.stdout.splitlines()[-1] == (
        "left out: browser: chromium is not on the PATH; install it, or set CHROMIUM (tests: 1)"
    )


def test_a_missing_part_is_a_failure_in_ci() -> None:
    run = run_without_a_browser(CI="true")
    assert run.returncode == 1
    assert "browser: chromium is not on the PATH" in run.stdout


def run_without_a_browser(**variables: str) -> subprocess.CompletedProcess[str]:
    """The test of the browser, run on a machine where no program is found."""
    environment = {"PATH": "/nowhere", **variables}
    test = f"{Path(__file__).relative_to(ROOT)}::{test_chromium_renders_a_page.__name__}"
    command = [sys.executable, "-m", "pytest", "--numprocesses=0", "-p", "no:cacheprovider", test]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def send_one(address: str, topic: TopicPartition) -> None:
    """Create the topic and return when the broker has acknowledged one record."""
    admin = KafkaAdminClient(bootstrap_servers=address, reconnect_backoff_max_ms=1000)
    admin.create_topics([NewTopic(topic.topic, num_partitions=1, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=address, reconnect_backoff_max_ms=1000)
    producer.send(topic.topic, key=b"a key", value=b"a value").get(timeout=20)
    producer.close()


def read_one(address: str, topic: TopicPartition) -> tuple[bytes, bytes]:
    consumer = KafkaConsumer(bootstrap_servers=address, reconnect_backoff_max_ms=1000)
    consumer.assign([topic])
    consumer.seek(topic, 0)
    (record,) = consumer.poll(timeout_ms=20_000)[topic]
    consumer.close()
    return record.key, record.value
