"""Seals every event in a Merkle log that anyone can check without trusting its keeper."""

from services.audit import api, pages
from services.audit.models import Base, CheckpointRow, Entry, Node
from services.audit.sealing import Publish, finish, prepare, publish, seal_event, sign
from services.audit.verification import Conclude, Verify, ask, conclude, run
from services.db import table
from services.service import Service, reacts

SERVICE = Service(
    name="audit",
    metadata=Base.metadata,
    commands={Publish: publish, Verify: ask, Conclude: conclude},
    # Not `projects`: the log is nobody's projection, a rebuild must not write it anew.
    subscriptions=[reacts("*", seal_event)],
    jobs={"sign": sign, "verify": run},
    doors=(api.door, pages.door),
    append_only=(table(Entry), table(Node), table(CheckpointRow)),
    prepare=prepare,
    finish=finish,
)
