"""The service that Restate calls: a virtual object for each case. State, record and the claim of a message live in
Restate; an outgoing event is a durable one-way call.
"""

from __future__ import annotations

import restate
from restate import Context, ObjectContext, Service, VirtualObject

from tests.bench.peers.protocol import ANSWERS, Message, after, step_of

events, case = Service("Events"), VirtualObject("Case")


@events.handler()
async def publish(ctx: Context, event: dict) -> None:
    return None


@case.handler()
async def on_message(ctx: ObjectContext, message: Message) -> str:
    known = await ctx.get("case") or {"state": "new", "agreed": [], "version": 0}
    step, before, version = step_of(message), known["state"], known["version"] + 1
    agreed = sorted({*known["agreed"], *({step} & set(ANSWERS))})
    state = after(before, step, set(agreed))
    ctx.set("case", {"state": state, "agreed": agreed, "version": version})
    record = {"before": before, "after": state, "actor": message["person"], "message": message}
    ctx.set(f"audit-{version}", record)
    event = {"case": ctx.key(), "state": state, "version": version, "cause": message["id"]}
    ctx.service_send(publish, event)
    return f"{state} {version}"


app = restate.app([case, events])
