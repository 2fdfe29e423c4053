"""Models for the logs beside this file, each with what a finding must see in it."""

import torch
from torch import Tensor, nn


def mlp(
    width: int = 64,
    layers: int = 2,
    act: type[nn.Module] = nn.ReLU,
    *extra: nn.Module,
) -> nn.Sequential:
    parts: list[nn.Module] = [nn.Flatten(), nn.Linear(64, width), act(), *extra]
    for _ in range(layers - 1):
        parts += [nn.Linear(width, width), act()]
    return nn.Sequential(*parts, nn.Linear(width, 10))


def hidden(model: nn.Sequential) -> list[nn.Linear]:
    return [layer for layer in model if isinstance(layer, nn.Linear)][:-1]


@torch.no_grad()
def all_normal() -> nn.Module:
    """Every weight is drawn far too large."""
    model = mlp()
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.7)
            nn.init.zeros_(layer.bias)
    return model


@torch.no_grad()
def growing() -> nn.Module:
    """Ten layers that each make their input larger, and a head scaled down."""
    model = mlp(64, 10)
    for layer in hidden(model):
        nn.init.kaiming_normal_(layer.weight)
        layer.weight *= 3
    head = model[-1]
    assert isinstance(head, nn.Linear)
    head.weight *= 1e-5
    head.bias.zero_()
    return model


@torch.no_grad()
def low_biases() -> nn.Module:
    model = mlp(128)
    hidden(model)[0].bias.fill_(-0.7)
    return model


@torch.no_grad()
def wide_tanh() -> nn.Module:
    model = mlp(64, 2, nn.Tanh)
    for layer in hidden(model):
        nn.init.normal_(layer.weight, std=10)
    return model


class Detached(nn.Module):
    """The first layer is cut off from the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(64, 64)
        self.second = nn.Linear(64, 64)
        self.last = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        features = torch.relu(self.first(images.flatten(1))).detach()
        scores: Tensor = self.last(torch.relu(self.second(features)))
        return scores


class Mask(nn.Module):
    """Meant to be 1 wherever a pixel is kept; nobody sets it."""

    def __init__(self) -> None:
        super().__init__()
        self.keep: Tensor
        self.register_buffer("keep", torch.zeros(8, 8))

    def forward(self, images: Tensor) -> Tensor:
        return images * self.keep


class Mixing(nn.Module):
    """Looks at images row by row, with `view` where `transpose` was meant."""

    def __init__(self) -> None:
        super().__init__()
        self.row = nn.Linear(8, 32)
        self.last = nn.Linear(8 * 32, 10)

    def forward(self, images: Tensor) -> Tensor:
        rows = images.view(8, -1, 8)
        features = torch.relu(self.row(rows))
        scores: Tensor = self.last(features.transpose(0, 1).flatten(1))
        return scores


# --- tasks ---
