"""Healthy initializations get no finding that warns or fails; 60 of the 300 drawn."""

import torch

from tests.benchmarks.diagnosis.initializations import count_false_failures, draw, judge


def test_a_healthy_initialization_is_left_alone():
    assert count_false_failures(60, seed=0) == (0, 60)


def test_a_large_head_is_not_left_alone():
    found = 0
    for seed in range(20):
        drawn = draw(seed)
        make = drawn.make_model

        def enlarged(make=make):
            model = make()
            *_, head = [m for m in model.modules() if isinstance(m, torch.nn.Linear)]
            torch.nn.init.normal_(head.weight, std=8.0)
            return model

        object.__setattr__(drawn, "make_model", enlarged)
        found += judge(drawn)[1] is not None
    assert found == 20
