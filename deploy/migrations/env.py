"""How the history of the schema is run: once for every resident of the database at hand.

There is one history, `versions/`. But a service may have a database of its own, or join one that is years old. So each
service keeps the revision that it has reached in a table of its own, `<service>_schema`, and every revision is told
whose turn it is: `upgrade(resident)` does what the revision means to that service, and nothing to others. `kernel` is
a resident of every database: the log's tables and the clock.

services/migrate.py runs this. It holds the one lock and the one transaction in which everything here happens.
"""

from alembic import context

told = context.config.attributes
for resident in told["residents"]:
    context.configure(
        connection=told["connection"], version_table=f"{resident}_schema", on_version_apply=told["on_version_apply"]
    )
    context.run_migrations(resident=resident)
