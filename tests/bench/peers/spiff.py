"""SpiffWorkflow: BPMN with user tasks and a parallel gateway; the serialised workflow is read and written in the one
transaction of each step. `whole` keeps specification and tasks in each case, as documented; `split` keeps the
specification once in memory, as a tuned application would.
"""

from __future__ import annotations

import sys

from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.serializer.config import DEFAULT_CONFIG
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from tests.bench.peers import rows
from tests.bench.peers.protocol import ANSWERS, Message, Program, case_of, serve, step_of

TASKS = ("draft", "submit", *ANSWERS, "sign")
FLOWS = (
    *(("start", "draft"), ("draft", "submit"), ("submit", "split")),
    *(("split", answer) for answer in ANSWERS),
    *((answer, "join") for answer in ANSWERS),
    *(("join", "sign"), ("sign", "end")),
)
MODEL = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t">'
    '<process id="transfer" isExecutable="true"><startEvent id="start"/><endEvent id="end"/>'
    '<parallelGateway id="split" gatewayDirection="Diverging"/>'
    '<parallelGateway id="join" gatewayDirection="Converging"/>'
    + "".join(f'<userTask id="{task}" name="{task}"/>' for task in TASKS)
    + "".join(f'<sequenceFlow id="f{n}" sourceRef="{a}" targetRef="{b}"/>' for n, (a, b) in enumerate(FLOWS))
    + "</process></definitions>"
)


class Workflows(Program):
    def __init__(self, url: str, form: str):
        self.engine = rows.engine(url)
        self.conn = self.engine.connect()
        parser = BpmnParser()
        parser.add_bpmn_str(MODEL.encode())
        self.spec = parser.get_spec("transfer")
        registry = BpmnWorkflowSerializer.configure(DEFAULT_CONFIG)
        if form == "split":
            name = registry.typenames[type(self.spec)]
            registry.convert_to_dict[name] = lambda spec: {"name": spec.name, "typename": name}
            registry.convert_from_dict[name] = lambda kept: self.spec
        self.serializer = BpmnWorkflowSerializer(registry)

    def give(self, message: Message) -> None:
        with self.conn.begin():
            if self.conn.execute(rows.CLAIM, {"message": message["id"]}).first() is None:
                return
            row = self.conn.execute(rows.READ, {"id": case_of(message)}).first()
            if row:
                workflow, version = self.serializer.deserialize_json(row.body), row.version + 1
            else:
                workflow, version = BpmnWorkflow(self.spec), 1
                workflow.do_engine_steps()
            ready = workflow.get_tasks(state=TaskState.READY, manual=True)
            task = next(t for t in ready if t.task_spec.name == step_of(message))
            task.data[step_of(message)] = {"actor": message["person"]}
            task.run()
            workflow.do_engine_steps()
            state = "placed" if workflow.completed else "open"
            rows.write(self.conn, message, state, version, body=self.serializer.serialize_json(workflow))

    def finished(self) -> int:
        return rows.finished(self.engine)

    def close(self) -> None:
        self.conn.close()


if __name__ == "__main__":
    serve(lambda: Workflows(*sys.argv[1:]))
