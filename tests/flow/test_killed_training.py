"""A training process that was really killed is carried on to the very same weights."""

import pytest

from tests.killing import check_carried_on

pytestmark = [pytest.mark.flow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("amp", [None, "fp16"])
def test_a_killed_training_goes_on_within_its_epoch_bit_for_bit(tmp_path, amp):
    """With augmentation, dropout, batch norm, accumulation, a schedule, and a scaler."""
    check_carried_on(tmp_path, amp=amp)
