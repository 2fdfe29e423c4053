"""What a look before the first update tells of a model's shape and its start."""

import pytest
import torch
from torch import nn

from tests.unit.worker.test_inspection import Loop, make_data
from tuitrain.diagnosis.rules.bad_initialization import LARGE_SCALE
from tuitrain.worker.inspection.answers import spread_of
from tuitrain.worker.inspection.samples import _leave_one_out
from tuitrain.worker.inspection.units import measure_scales


def deep(scale: float, *, norm: bool = False, outputs: int = 3) -> nn.Sequential:
    """Ten layers whose weights are so many times what torch makes them."""
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Linear(6, 32)]
    for _ in range(9):
        layers += [nn.ReLU(), *([nn.LayerNorm(32)] if norm else []), nn.Linear(32, 32)]
    model = nn.Sequential(*layers, nn.Linear(32, outputs))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)
                module.weight.mul_(scale)
    return model


def test_weights_too_small_for_their_depth_are_found():
    assert "bad_initialization" in Loop(deep(0.3)).findings(iterations=20)
    assert "bad_initialization" not in Loop(deep(1.0)).findings(iterations=20)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize(("scale", "is_found"), [(1.0, False), (2.5, True)])
def test_weights_too_large_are_found_behind_normalization_layers_too(
    scale, is_found, norm
):
    seen = Loop(deep(scale, norm=norm)).run(1)
    # Kaiming's gain for ReLU is the root of 2.
    assert seen.weight_scale is not None
    assert seen.weight_scale == pytest.approx(scale * 2**0.5, rel=0.3)
    assert seen.weight_scale_layer
    assert (seen.weight_scale >= LARGE_SCALE) is is_found


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Linear(512, 16), nn.ReLU(), nn.Linear(16, 512)),
        nn.Sequential(nn.Conv2d(1, 64, 3), nn.Conv2d(64, 8, 1)),
        nn.Sequential(nn.Conv2d(256, 8, 1), nn.Conv2d(8, 256, 3, groups=8)),
        nn.TransformerEncoderLayer(32, 4),
    ],
)
def test_usual_random_weights_are_of_a_usual_scale(model):
    """Kernels also where a mode keeps the variances on the way back."""
    for mode in ("fan_in", "fan_out"):
        scales = measure_scales(model)
        assert scales is not None
        assert len(scales.names) >= 2
        _, largest = scales.largest()
        assert largest is not None
        assert largest < LARGE_SCALE
        for module in model.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, nn.init.calculate_gain("tanh"))
            elif isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode=mode)
    model.requires_grad_(False)
    assert measure_scales(model) is None


def test_normalization_layers_carry_the_signal_whatever_the_weights():
    seen = Loop(deep(0.3, norm=True)).run(20)
    assert seen.normalizations == 9
    assert "bad_initialization" not in Loop(deep(0.3, norm=True)).findings(20)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (nn.Linear(5, 3), 5),
        (nn.Sequential(nn.Linear(5, 3), nn.Flatten()), 5),
        (nn.Sequential(nn.Linear(5, 3), nn.Softmax(dim=1)), None),
        (nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3, bias=False)), 4),
    ],
)
def test_the_numbers_that_a_last_layer_gets_are_told(end, expected):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 5), end)
    assert Loop(model).run(2).head_inputs == expected


def test_a_sum_of_two_layers_has_no_last_one():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Linear(6, 3), nn.Linear(6, 3)

        def forward(self, inputs):
            return self.one(inputs) + self.other(inputs)

    assert Loop(Twice()).run(2).head_inputs is None


def test_outputs_that_are_all_zero_have_no_spread():
    outputs = torch.randn(64, 3)
    spread = spread_of(outputs)
    assert spread is not None
    assert float(spread) == pytest.approx(1.0, abs=0.1)
    of_zeros = spread_of(torch.zeros(64, 3))
    assert of_zeros is not None
    assert torch.isnan(of_zeros)
    model = deep(1.0)
    with torch.no_grad():
        for parameter in model[-1].parameters():
            parameter.zero_()
    seen = Loop(model).run(20)
    assert seen.output_spread is None
    assert "bad_initialization" not in Loop(model).findings(20)


def test_both_ways_to_leave_one_out_agree():
    inputs, targets = make_data(60)
    rows = inputs.double()
    wanted = nn.functional.one_hot(targets).double()
    few = _leave_one_out(rows, wanted)
    # More features than samples take the other way; what is added is always 0.
    scaled = torch.cat([rows, torch.zeros(60, 94, dtype=rows.dtype)], 1)
    many = _leave_one_out(scaled * (100 / 6) ** 0.5, wanted)
    assert torch.allclose(few, many, atol=1e-9)
