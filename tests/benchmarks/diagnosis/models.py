"""Models for each form of input: a body that makes features, and a head on top.

All have the same two parts, so that a fault can be put into any of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from tests.benchmarks.diagnosis.tasks import Data, Form, Goal

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
}


@dataclass(frozen=True)
class Shape:
    """An architecture; which fields count depends on the family."""

    family: str
    """`linear`, `mlp`, `cnn`, `gru`, `rnn` or `transformer`."""
    width: int = 64
    depth: int = 2
    """Hidden layers."""
    activation: str = "relu"
    norm: str | None = None
    """`batch`, `layer` or None."""
    dropout: float = 0.0


SHAPES: dict[str, Shape] = {
    "linear": Shape("linear"),
    "mlp_relu": Shape("mlp"),
    "mlp_tanh": Shape("mlp", activation="tanh"),
    "mlp_gelu": Shape("mlp", activation="gelu"),
    "mlp_batch": Shape("mlp", norm="batch"),
    "mlp_layer": Shape("mlp", norm="layer"),
    "mlp_dropout": Shape("mlp", width=96, dropout=0.2),
    "mlp_batch_deep": Shape("mlp", width=32, depth=5, norm="batch", dropout=0.05),
    "cnn": Shape("cnn", width=8),
    "cnn_batch": Shape("cnn", width=8, norm="batch"),
    "cnn_dropout": Shape("cnn", width=10, dropout=0.25),
    "gru": Shape("gru", width=24, depth=1),
    "transformer": Shape("transformer", width=24, depth=1, norm="layer"),
}
"""The architectures by name."""

FITTING: dict[Form, tuple[str, ...]] = {
    Form.FLAT: (
        "mlp_relu",
        "mlp_tanh",
        "mlp_gelu",
        "mlp_batch",
        "mlp_layer",
        "mlp_dropout",
        "mlp_batch_deep",
    ),
    Form.IMAGE: ("cnn", "cnn_batch", "cnn_dropout"),
    Form.SYMBOLS: ("gru", "transformer"),
    Form.SERIES: ("gru", "transformer", "mlp_tanh", "mlp_relu"),
}
"""Names of the architectures that can take each form of input."""

LINEAR_ENOUGH = frozenset(
    {"teacher", "sparse", "diabetes", "votes", "demand", "headlines"}
)
"""Data sets that a linear model does as well on as any other."""

NARROW = frozenset({"diabetes", "teacher", "sparse", "votes", "demand", "headlines"})
"""Data sets small or noisy enough for a wide net to learn them by heart."""


def fitting(data: Data) -> tuple[str, ...]:
    """Return the names of the architectures that suit a data set."""
    if data.name in LINEAR_ENOUGH:
        deep = {"mlp_batch_deep", "mlp_gelu"}
        return ("linear", *(n for n in FITTING[data.form] if n not in deep))
    if data.name == "echoes":
        return ("gru", "transformer")  # plain layers can't multiply by a mark
    if data.name == "motifs":
        return ("gru",)  # one block of attention can't tell the order of three symbols
    return FITTING[data.form]


def shape_for(name: str, data: Data) -> Shape:
    """Return an architecture, with the width that suits the data set."""
    shape = SHAPES[name]
    if data.name in NARROW and shape.family == "mlp":
        return replace(shape, width=16, depth=min(shape.depth, 1))
    return shape


class Net(nn.Module):
    """A body that makes features and a head that makes the outputs of them."""

    def __init__(self, body: nn.Module, head: nn.Module, *, by_place: bool) -> None:
        """Put both together; `by_place`: outputs are (batch, classes, places)."""
        super().__init__()
        self.body = body
        self.head = head
        self._by_place = by_place

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs."""
        outputs: Tensor = self.head(self.body(inputs))
        return outputs.transpose(1, 2) if self._by_place else outputs


class Recurrent(nn.Module):
    """An embedding or projection, a recurrent layer, and all places or the last."""

    def __init__(self, first: nn.Module, core: nn.Module, *, by_place: bool) -> None:
        """Put the parts together."""
        super().__init__()
        self.first = first
        self.core = core
        self._by_place = by_place

    def forward(self, inputs: Tensor) -> Tensor:
        """Return features, (batch, places, width) or (batch, width)."""
        states, _ = self.core(self.first(inputs))
        kept: Tensor = states if self._by_place else states[:, -1]
        return kept


class Attention(nn.Module):
    """Places, one or more blocks of attention, and all places or the last."""

    def __init__(
        self, first: nn.Module, shape: Shape, places: int, *, by_place: bool
    ) -> None:
        """Make the blocks; each place sees the earlier ones only where all are asked."""
        super().__init__()
        self.first = first
        self.place = nn.Parameter(torch.randn(places, shape.width) * 0.1)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                shape.width,
                nhead=2,
                dim_feedforward=2 * shape.width,
                dropout=shape.dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(shape.depth)
        )
        self.last = nn.LayerNorm(shape.width)
        mask = torch.triu(torch.full((places, places), float("-inf")), 1)
        self.register_buffer("mask", mask if by_place else None)
        self._by_place = by_place

    def forward(self, inputs: Tensor) -> Tensor:
        """Return features, (batch, places, width) or (batch, width)."""
        states = self.first(inputs) + self.place
        for block in self.blocks:
            states = block(states, src_mask=self.mask)
        states = self.last(states)
        kept: Tensor = states if self._by_place else states[:, -1]
        return kept


def build(shape: Shape, data: Data) -> Net:
    """Return a freshly initialized model for a data set."""
    by_place = data.goal is Goal.TOKENS
    if shape.family in ("linear", "mlp"):
        body, features = _mlp_body(shape, data)
    elif shape.family == "cnn":
        body, features = _cnn_body(shape, data)
    else:
        first = (
            nn.Embedding(data.symbols, shape.width)
            if data.form is Form.SYMBOLS
            else nn.Linear(data.x.shape[-1], shape.width)
        )
        body, features = _sequence_body(shape, first, data, by_place), shape.width
    return Net(body, nn.Linear(features, data.outputs), by_place=by_place)


def _mlp_body(shape: Shape, data: Data) -> tuple[nn.Module, int]:
    size = data.x[0].numel()
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(0 if shape.family == "linear" else shape.depth):
        layers.append(nn.Linear(size, shape.width))
        if shape.norm is not None:
            kinds = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
            layers.append(kinds[shape.norm](shape.width))
        layers.append(ACTIVATIONS[shape.activation]())
        size = shape.width
    if shape.dropout:
        layers.append(nn.Dropout(shape.dropout))
    return nn.Sequential(*layers), size


def _cnn_body(shape: Shape, data: Data) -> tuple[nn.Module, int]:
    layers: list[nn.Module] = []
    channels = data.x.shape[1]
    for index in range(shape.depth):
        width = shape.width * (index + 1)
        layers.append(nn.Conv2d(channels, width, 3, padding=1))
        if shape.norm == "batch":
            layers.append(nn.BatchNorm2d(width))
        layers.append(ACTIVATIONS[shape.activation]())
        if index < 2:
            layers.append(nn.MaxPool2d(2))
        channels = width
    layers.append(nn.Flatten())
    if shape.dropout:
        layers.append(nn.Dropout(shape.dropout))
    side = data.x.shape[-1] // 4
    return nn.Sequential(*layers), channels * side * side


def _sequence_body(
    shape: Shape, first: nn.Module, data: Data, by_place: bool
) -> nn.Module:
    if shape.family == "transformer":
        return Attention(first, shape, data.x.shape[1], by_place=by_place)
    core: nn.Module
    if shape.family == "gru":
        core = nn.GRU(shape.width, shape.width, batch_first=True)
    else:
        core = nn.RNN(shape.width, shape.width, nonlinearity="relu", batch_first=True)
    return Recurrent(first, core, by_place=by_place)


def weights_of(model: nn.Module) -> list[nn.Parameter]:
    """Return the weight matrices and filters of a model, in its order."""
    return [each for each in model.parameters() if each.ndim >= 2]


def hidden_layers(model: nn.Module) -> list[nn.Linear | nn.Conv2d]:
    """Return the linear and convolution layers of the body, in its order."""
    return [
        each
        for name, each in model.named_modules()
        if isinstance(each, nn.Linear | nn.Conv2d) and "body" in name
    ]
