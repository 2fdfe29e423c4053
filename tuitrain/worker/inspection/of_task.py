"""The looks at a task, of which loss and data are known."""

from torch.optim import Optimizer

from tuitrain.worker.data import Minibatches
from tuitrain.worker.inspection.inspector import Inspector
from tuitrain.worker.inspection.samples import Sources
from tuitrain.worker.loss_facts import recognize
from tuitrain.worker.session import Session
from tuitrain.worker.task import Task


def inspect_task(
    task: Task,
    optimizer: Optimizer,
    session: Session,
    train: Minibatches,
    val: Minibatches | None,
) -> Inspector | None:
    """Begin to look at a task; None: nobody wants it, or it carries on from before.

    Asking a loss once more must change nothing. A script's own may count its calls, so
    it is asked only where nothing is trained.
    """
    spec = session.spec
    if not spec.inspect or spec.resume_from is not None:
        return None
    may_ask = recognize(task.loss).kind is not None or not spec.limits.update
    return Inspector(
        task.model,
        [optimizer],
        trial=spec.trial,
        put=session.recorder.put,
        loss=task.loss if may_ask else None,
        compares_samples=spec.inspect_data,
        updates=spec.limits.update,
        sources=Sources(train.tensors, None if val is None else val.tensors),
    )
