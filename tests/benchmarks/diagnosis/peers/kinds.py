"""Which of our findings a peer's rule would be: the one table, and ours to answer for."""

from typing import Final

from tests.benchmarks.diagnosis.peers.contract import Alarm

PEER_KINDS: Final[dict[str, str]] = {
    "sagemaker/VanishingGradient": "vanishing_gradients",
    "sagemaker/ExplodingTensor": "non_finite",
    "sagemaker/DeadRelu": "dead_relu",
    "sagemaker/SaturatedActivation": "saturated_activations",
    "sagemaker/WeightUpdateRatio large": "lr_too_high",
    "sagemaker/WeightUpdateRatio small": "lr_too_low",
    "sagemaker/PoorWeightInitialization": "bad_initialization",
    "sagemaker/LossNotDecreasing": "loss_not_decreasing",
    "sagemaker/Overfit": "overfitting",
    "sagemaker/Overtraining": "overfitting",
    "sagemaker/UnchangedTensor": "update_ratio_off",
    "sagemaker/ClassImbalance": "class_collapse",
    "sagemaker/CheckInputImages": "unnormalized_inputs",
    "sagemaker/StalledTrainingRule": "stalled",
    "autotrainer/explode NaN": "non_finite",
    "autotrainer/explode": "divergence",
    "autotrainer/vanish": "vanishing_gradients",
    "autotrainer/relu": "dead_relu",
    "autotrainer/not_converge": "loss_not_decreasing",
    "autotrainer/unstable": "lr_too_high",
    "bttackler/EG NaN": "non_finite",
    "bttackler/EG": "divergence",
    "bttackler/VG": "vanishing_gradients",
    "bttackler/DR": "dead_relu",
    "bttackler/SC": "loss_not_decreasing",
    "bttackler/HO": "lr_too_high",
    "bttackler/NMG train": "loss_plateau",
    "bttackler/NMG val": "overfitting",
    "umlaut/InputNotNormalized": "unnormalized_inputs",
    "umlaut/NaNInLoss": "non_finite",
    "umlaut/LRHigh": "lr_too_high",
    "umlaut/LRLow": "lr_too_low",
    "umlaut/Overfitting": "overfitting",
    "umlaut/OverconfidentValAccuracy": "train_val_leakage",
    "umlaut/NoSoftmaxActivation": "output_loss_mismatch",
    "umlaut/HighDropout": "underfitting",
    "early stopping/stops early": "overfitting",
    "always/always": "any_fault",
}
"""`<tool>/<rule>` to the kind of finding. Kinds that tuitrain has no rule for are named
as such a rule would be; `any_fault` claims nothing in particular."""


def alarm(tool: str, rule: str) -> Alarm:
    """Return the alarm of a rule, with what it says in our words."""
    return Alarm(rule, PEER_KINDS[f"{tool}/{rule}"])
