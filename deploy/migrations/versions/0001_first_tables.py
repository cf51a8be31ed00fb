"""The tables of the first release."""

from deploy.migrations.versions.first_tables import (
    audit,
    identity,
    kernel,
    mutations,
    optimizer,
    personnel,
    webhooks,
    workload,
)

revision = "0001"
down_revision = None

OWN_TABLES = {
    "personnel": personnel.create,
    "workload": workload.create,
    "optimizer": optimizer.create,
    "mutations": mutations.create,
    "identity": identity.create,
    "webhooks": webhooks.create,
    "audit": audit.create,
}


def upgrade(resident: str) -> None:
    if resident == "kernel":
        kernel.create_shared()
    elif resident in OWN_TABLES:
        kernel.create(resident)
        OWN_TABLES[resident]()
