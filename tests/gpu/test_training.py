"""What tuitrain does inside a training on CUDA: it changes nothing, and waits for nothing."""

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from tests.killing import assert_same
from tests.unit.worker.conftest import BEGIN
from tuitrain import Task
from tuitrain.events import OutcomeKind, TrialId, TrialLimits
from tuitrain.worker.data import Batch
from tuitrain.worker.engine import Engine
from tuitrain.worker.inspection import Inspector
from tuitrain.worker.inspection.telling import LOOKED_AT
from tuitrain.worker.probes import Schedule, StepProbes

CNN = (
    BEGIN
    + """
from tuitrain.data import load_digits, split
parts = [torch.from_numpy(part) for part in split(load_digits()[0][:, None], load_digits()[1])]

def task(trial):
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Dropout(0.2),
        nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 10),
    )
    return Task(
        model=model, train=TensorDataset(*parts[:2]), val=TensorDataset(*parts[2:]),
        batch_size=64, loss=nn.CrossEntropyLoss(label_smoothing=0.1), amp=AMP,
        optimizer=lambda p: torch.optim.AdamW(p, lr=trial.lr),
    )
"""
)


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("amp", [None, "bf16", "fp16"])
def test_looks_inside_leave_the_weights_bit_for_bit(run_script, amp):
    """Probes and inspection all on, against all off that can be."""
    source = f"AMP = {amp!r}\n" + CNN
    looked = run_script(source, TrialLimits(epochs=3), trial="0001", device="GPU-0")
    plain = run_script(
        source,
        TrialLimits(epochs=3),
        trial="0002",
        device="GPU-0",
        inspect=False,
        probe_every=1 << 30,
        probe_first=0,
    )
    assert looked.outcome is plain.outcome is OutcomeKind.COMPLETED
    assert looked.described.device == "cuda"
    assert [e for e in looked.events if type(e).__name__ == "TaskInspected"]
    assert not [e for e in plain.events if type(e).__name__ == "TaskInspected"]
    assert not [e for e in looked.events if type(e).__name__ == "ProbeFailed"]
    assert_same(looked.checkpoint(), plain.checkpoint())


@pytest.mark.usefixtures("deterministic")
def test_a_resumed_trial_is_bit_for_bit_the_uninterrupted_one(run_script):
    source = "AMP = 'fp16'\n" + CNN
    whole = run_script(source, TrialLimits(epochs=4), trial="0001", device="GPU-0")
    first = run_script(source, TrialLimits(epochs=2), trial="0002", device="GPU-0")
    rest = run_script(
        source,
        TrialLimits(epochs=4),
        trial="0003",
        device="GPU-0",
        resume_from=str(first.folder.checkpoint),
    )
    assert rest.outcome is OutcomeKind.COMPLETED
    assert_same(whole.checkpoint(), rest.checkpoint())
    assert {**first.series("loss"), **rest.series("loss")} == whole.series("loss")


# torch says itself that it may overlook some.
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
@pytest.mark.parametrize("clip", [None, 1.0])
def test_after_the_first_iterations_nothing_waits_for_the_gpu(clip):
    """Loop, probes and inspection; what is measured is read by another thread, later."""
    device = torch.device("cuda")
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10)
    ).to(device)
    images = torch.randn(64, 1, 8, 8, device=device)
    labels = torch.arange(64, device=device) % 10
    task = Task(
        model=model,
        train=TensorDataset(images, labels),
        loss=nn.CrossEntropyLoss(),
        clip_grad_norm=clip,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    handed: list[object] = []
    made: list[int] = [0]
    probes = StepProbes(
        optimizer,
        model.named_parameters(),
        trial=TrialId("0001"),
        put=handed.append,
        iteration=lambda: made[-1],
        schedule=Schedule(first=LOOKED_AT, every=5),
        measures_norm=clip is None,
    )
    inspector = Inspector(
        model, [optimizer], trial=TrialId("0001"), put=handed.append, loss=task.loss
    )
    engine = Engine(task, optimizer, device)
    batch = Batch((images,), {}, labels, 64)

    def update(iteration: int) -> None:
        made.append(iteration)
        handed.append(engine.update([batch]).values())

    try:
        for iteration in range(1, LOOKED_AT + 2):
            update(iteration)
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        # Up to the next look at the units; update ratios are measured on the way.
        for iteration in range(LOOKED_AT + 2, 2 * LOOKED_AT):
            update(iteration)
    finally:
        torch.cuda.set_sync_debug_mode("default")
        probes.remove()
        inspector.remove()
    assert handed
