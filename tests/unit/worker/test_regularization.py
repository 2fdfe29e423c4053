"""Regularization is switched off where tuitrain can reach it, and named."""

import functools

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from tuitrain.worker.regularization import switch_off


def test_every_kind_of_dropout_is_switched_off_and_named():
    model = nn.ModuleDict(
        {
            "plain": nn.Dropout(0.1),
            "maps": nn.Dropout2d(0.2),
            "alpha": nn.AlphaDropout(0.3),
            "attention": nn.MultiheadAttention(4, 2, dropout=0.4),
            "memory": nn.LSTM(4, 4, num_layers=2, dropout=0.5),
            "off": nn.Dropout(0.0),
        }
    )
    assert switch_off(model, nn.CrossEntropyLoss()) == [
        "Dropout 0.1 in plain",
        "Dropout2d 0.2 in maps",
        "AlphaDropout 0.3 in alpha",
        "MultiheadAttention 0.4 in attention",
        "LSTM 0.5 in memory",
    ]
    assert (
        model["plain"].p == model["attention"].dropout == model["memory"].dropout == 0
    )
    assert switch_off(model, None) == []


def test_a_transformer_is_the_same_twice_once_it_is_switched_off():
    model = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.5)
    inputs = torch.randn(3, 2, 8)
    assert not torch.equal(model(inputs), model(inputs))
    switch_off(model, None)
    assert torch.equal(model(inputs), model(inputs))


def test_subclasses_and_layers_of_model_libraries_are_known():
    class MyDropout(nn.Dropout):
        pass

    class DropPath(nn.Module):
        drop_prob = 0.2

    model = nn.Sequential(MyDropout(0.3), DropPath())
    assert switch_off(model, None) == ["MyDropout 0.3 in 0", "DropPath 0.2 in 1"]


def test_label_smoothing_is_switched_off_in_modules_and_partials():
    module = nn.CrossEntropyLoss(label_smoothing=0.1)
    assert switch_off(None, module) == ["label smoothing 0.1"]
    assert module.label_smoothing == 0.0
    partial = functools.partial(F.cross_entropy, label_smoothing=0.2)
    assert switch_off(None, partial) == ["label smoothing 0.2"]
    scores, label = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
    assert torch.equal(partial(scores, label), F.cross_entropy(scores, label))
    assert switch_off(None, F.cross_entropy) == []
