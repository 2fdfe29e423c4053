"""Minibatches: their order, their samples, and the fast way for tensors."""

import itertools

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from tuitrain.events import Step
from tuitrain.worker.data import Minibatches, tensors_of
from tuitrain.worker.trial import Trial

CPU = torch.device("cpu")
WHOLE = TensorDataset(torch.arange(11).float(), torch.arange(11))


class OneByOne(Dataset):  # type: ignore[type-arg]
    """The same samples, through the loader of torch."""

    def __len__(self):
        return 11

    def __getitem__(self, index):
        return WHOLE[index]


def minibatches(data, **changes) -> Minibatches:
    options = {"batch_size": 4, "device": CPU, "seed": 1, "shuffle": True, **changes}
    return Minibatches(data, **options)


def targets(data: Minibatches, epoch: int) -> list[list[int]]:
    return [batch.targets.tolist() for batch in data.epoch(epoch)]


def test_seed_and_epoch_decide_the_order():
    first = targets(minibatches(WHOLE), 1)
    assert sorted(itertools.chain.from_iterable(first)) == list(range(11))
    assert [len(each) for each in first] == [4, 4, 3]
    assert targets(minibatches(WHOLE), 1) == first
    assert targets(minibatches(WHOLE), 2) != first
    assert targets(minibatches(WHOLE, seed=2), 1) != first
    reseeded = minibatches(WHOLE, seed=2)
    reseeded.reseed(1)
    assert targets(reseeded, 1) == first


def test_tensors_are_picked_as_a_loader_would_load_them():
    for data in (OneByOne(), Subset(OneByOne(), [5, 3, 8, 1, 0, 9])):
        loaded = minibatches(data)
        picked = minibatches(
            Subset(WHOLE, data.indices) if isinstance(data, Subset) else WHOLE
        )
        assert picked.tensors is not None
        assert loaded.tensors is None
        for one, other in zip(picked.epoch(3), loaded.epoch(3), strict=True):
            assert torch.equal(one.targets, other.targets)
            assert torch.equal(one.inputs[0], other.inputs[0])
            assert one.targets.dtype == other.targets.dtype


def test_validation_keeps_the_order_and_every_sample():
    data = minibatches(WHOLE, shuffle=False, batch_size=5)
    assert targets(data, 1) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10]]


def test_a_last_minibatch_of_one_sample_is_left_out_of_training():
    data = minibatches(WHOLE, batch_size=5)
    assert [len(each) for each in targets(data, 1)] == [5, 5]
    assert data.batches == 2
    assert [len(each) for each in targets(minibatches(WHOLE, batch_size=1), 1)] == [
        1
    ] * 11


@pytest.mark.parametrize("data", [WHOLE, OneByOne()])
def test_iterating_leaves_the_global_generator_alone(data):
    before = torch.get_rng_state()
    targets(minibatches(data), 1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loader_with_a_generator_follows_seed_and_epoch():
    def make() -> Minibatches:
        generator = torch.Generator()
        loader = DataLoader(WHOLE, batch_size=4, shuffle=True, generator=generator)
        return minibatches(loader)

    one, other = make(), make()
    targets(one, 1)
    assert targets(one, 2) == targets(other, 2)


def test_a_sampler_that_wants_to_know_the_epoch_is_told():
    class Sampler(torch.utils.data.Sampler):  # type: ignore[type-arg]
        epochs: list[int] = []

        def set_epoch(self, epoch):
            self.epochs.append(epoch)

        def __iter__(self):
            return iter([0, 1])

    targets(minibatches(DataLoader(WHOLE, sampler=Sampler())), 7)
    assert Sampler.epochs == [7]


def test_a_stream_has_no_length_and_is_read_as_it_comes():
    class Stream(IterableDataset):  # type: ignore[type-arg]
        def __iter__(self):
            return iter([(torch.tensor(1.0), index) for index in range(6)])

    data = minibatches(Stream())
    assert (data.samples, data.batches) == (None, None)
    assert targets(data, 1) == [[0, 1, 2, 3], [4, 5]]


def test_first_gives_what_there_is():
    assert len(minibatches(WHOLE).first(2)) == 2
    assert len(minibatches(WHOLE).first(9)) == 3
    assert tensors_of([1, 2]) is None


def test_a_trial_notes_what_is_asked_of_it():
    trial = Trial({"lr": 0.1, "weight_decay": 0, "width": 3}, seed=5, step=Step.FIND_LR)
    assert (trial.lr, trial.weight_decay, trial.seed) == (0.1, 0.0, 5)
    assert trial.get("width", 8) == 3
    assert trial.get("depth", 2) == 2
    assert trial.get("depth") is None
    assert trial.asked == ["lr", "weight_decay", "width", "depth"]
    assert trial.regularize
    assert "lr=0.1" in repr(trial)
    with pytest.raises(TypeError):
        trial.config["lr"] = 1  # type: ignore[index]
