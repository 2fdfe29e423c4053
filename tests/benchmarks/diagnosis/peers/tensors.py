"""What the ports need of a training's tensors, recorded through hooks.

Everything is read and nothing written: no gradient, weight or random number changes.
`layer` below is a parameter's name (`0.weight`) or, for activations, a module's.

| key | value |
| --- | --- |
| `weight_variance/<layer>` | variance of the weights before the first step |
| `grad_mean_abs/`, `grad_norm/`, `grad_max_abs/`, `grad_zero_share/<layer>` | of the gradient as `step()` finds it |
| `grad_spread/<layer>` | 95th minus 5th percentile of the gradient, first 10 steps |
| `grad_zero_total` | share of zeros among all gradients, biases included |
| `weight_norm/<layer>` | L2 norm after the step |
| `update_ratio/<layer>` | norm of the update over norm before it plus 1e-9 |
| `unchanged/<layer>` | 1 if `allclose` to the weights of the reading before, else 0 |
| `relu_inactive_share/<layer>` | share of units active in less than 1 % of a batch |
| `tanh_saturated_share/`, `sigmoid_saturated_share/<layer>` | share of units within SageMaker's thresholds in less than 1 % of a batch |
| `input_mean`, `input_min`, `input_max`, `input_samples`, `input_ndim` | of the first batches together |
| `output_logsumexp` | mean absolute log-sum-exp of the model's output rows, first batches |
| `predicted_share/<class>`, `predicted_top_share` | share of predictions in a validation |

Functional activations (`F.relu`) are not modules, so their layers are not seen.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

FIRST: Final = 10
"""Steps that are all measured, as PoorWeightInitialization looks at them."""
MIN_ACTIVITY: Final = 0.01
# SageMaker, DeadRelu and SaturatedActivation: "threshold_inactivity … Default values:
# `1.0`" (percent; awsdocs/amazon-sagemaker-developer-guide,
# doc_source/debugger-built-in-rules.md @1c4d5ff).
TANH_LIMITS: Final = (-9.4999, 9.4999)
# Same page: "threshold_tanh … Default values: `(-9.4999, 9.4999)`".
SIGMOID_LIMITS: Final = (-23.0, 16.99999)
# Same page: "threshold_sigmoid … Default values: `(-23, 16.99999)`".
EPSILON: Final = 1e-9
# Same page, WeightUpdateRatio: "epsilon … Default value: `0.000000001`".
RTOL, ATOL = 1e-5, 1e-8
# Same page, UnchangedTensor: "rtol … `1e-05`", "atol … `1e-08`".
INPUT_SAMPLES: Final = 500
# Same page, CheckInputImages: "threshold_samples … Default value: `500`".
INPUT_BATCHES: Final = 5
MAX_CLASSES: Final = 100
MAX_QUANTILE: Final = 16_000_000
"""`torch.quantile` takes no more values than this."""
_PER_WEIGHT: Final = (
    "weight_variance",
    "grad_mean_abs",
    "grad_norm",
    "grad_max_abs",
    "grad_zero_share",
    "grad_spread",
    "weight_norm",
    "update_ratio",
    "unchanged",
)


class TensorLog:
    """Records tensors of one training at a time."""

    def __init__(self) -> None:
        """Record nothing yet."""
        self.values: dict[str, list[tuple[int, float]]] = {}
        """(iteration, value) by key, 1 for the first step; layers in model order."""
        self._handles: list[RemovableHandle] = []
        self._forget()

    def _forget(self) -> None:
        self._every, self._step = 1, 0
        self._parameters: list[nn.Parameter] = []
        self._weights: dict[str, nn.Parameter] = {}
        self._before: dict[str, Tensor] = {}
        self._read_before: dict[str, Tensor] = {}
        self._activity: dict[str, float] = {}
        self._inputs = _Inputs()
        self._counts: Tensor | None = None
        self._validating = False

    def attach(self, model: nn.Module, optimizer: Optimizer, *, every: int = 5) -> None:
        """Begin to record: the first `FIRST` steps, then each that is a multiple."""
        self.detach()
        self._forget()
        self._every = every
        trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        self._parameters = [parameter for _, parameter in trained]
        self._weights = {name: each for name, each in trained if each.ndim >= 2}
        self.values.update(
            {f"{what}/{name}": [] for what in _PER_WEIGHT for name in self._weights}
        )
        for name, weight in self._weights.items():
            value = weight.detach().float().var(correction=0)
            self._put(f"weight_variance/{name}", value)
        self._handles = [
            optimizer.register_step_pre_hook(self._before_step),
            optimizer.register_step_post_hook(self._after_step),
            model.register_forward_hook(self._watch_model),
            *self._watch_activations(model),
        ]

    def detach(self) -> None:
        """Remove every hook; what was recorded stays."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._end_validation()

    def _put(self, key: str, value: Tensor | float) -> None:
        self.values.setdefault(key, []).append((self._step, float(value)))

    def _is_due(self, step: int) -> bool:
        return step <= FIRST or step % self._every == 0

    @torch.no_grad()
    def _before_step(self, *_: Any) -> None:
        self._step += 1
        if not self._is_due(self._step):
            return
        self._measure_gradients()
        self._before = {n: w.detach().clone() for n, w in self._weights.items()}
        for key, share in self._activity.items():
            self._put(key, share)
        self._activity = {}

    def _measure_gradients(self) -> None:
        for name, weight in self._weights.items():
            grad = _dense(weight.grad)
            if grad is None:
                continue
            self._put(f"grad_mean_abs/{name}", grad.abs().mean())
            self._put(f"grad_norm/{name}", torch.linalg.vector_norm(grad))
            self._put(f"grad_max_abs/{name}", grad.abs().max())
            self._put(f"grad_zero_share/{name}", (grad == 0).float().mean())
            if self._step <= FIRST and grad.numel() <= MAX_QUANTILE:
                ends = torch.quantile(grad.flatten(), grad.new_tensor([0.05, 0.95]))
                self._put(f"grad_spread/{name}", ends[1] - ends[0])
        grads = [g for p in self._parameters if (g := _dense(p.grad)) is not None]
        if grads:
            zeros = sum(int((grad == 0).sum()) for grad in grads)
            self._put("grad_zero_total", zeros / sum(grad.numel() for grad in grads))

    @torch.no_grad()
    def _after_step(self, *_: Any) -> None:
        for name, before in self._before.items():
            weight = self._weights[name].detach()
            size = torch.linalg.vector_norm(before.float())
            change = torch.linalg.vector_norm(weight.float() - before.float())
            self._put(f"weight_norm/{name}", torch.linalg.vector_norm(weight.float()))
            self._put(f"update_ratio/{name}", change / (size + EPSILON))
            older = self._read_before.get(name)
            if older is not None:
                alike = torch.allclose(weight, older, rtol=RTOL, atol=ATOL)
                self._put(f"unchanged/{name}", float(alike))
            self._read_before[name] = weight.clone()
        self._before = {}

    def _watch_activations(self, model: nn.Module) -> Iterator[RemovableHandle]:
        for name, module in model.named_modules():
            if isinstance(module, nn.ReLU):
                yield module.register_forward_hook(self._watch_relu(name))
            elif isinstance(module, nn.Tanh):
                watch = self._watch_bounded(f"tanh_saturated_share/{name}", TANH_LIMITS)
                yield module.register_forward_hook(watch)
            elif isinstance(module, nn.Sigmoid):
                key = f"sigmoid_saturated_share/{name}"
                watch = self._watch_bounded(key, SIGMOID_LIMITS)
                yield module.register_forward_hook(watch)

    def _watch_relu(self, name: str) -> Callable[..., None]:
        def watch(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            self._note_activity(f"relu_inactive_share/{name}", output.detach() > 0)

        return watch

    def _watch_bounded(
        self, key: str, limits: tuple[float, float]
    ) -> Callable[..., None]:
        def watch(_module: nn.Module, inputs: Any, _output: Tensor) -> None:
            given = inputs[0].detach()
            self._note_activity(key, (given > limits[0]) & (given < limits[1]))

        return watch

    def _note_activity(self, key: str, active: Tensor) -> None:
        """Keep the smallest share over a step's passes: a module may run several times."""
        if torch.is_grad_enabled() and self._is_due(self._step + 1):
            share = inactive_share(active)
            self._activity[key] = min(share, self._activity.get(key, 1.0))

    @torch.no_grad()
    def _watch_model_quietly(self, inputs: Any, output: Any, *, trains: bool) -> None:
        if trains:
            self._end_validation()
            for key, value in self._inputs.watch(inputs, output):
                self._put(key, value)
        elif _has_classes(output) and output.shape[1] <= MAX_CLASSES:
            classes = output.shape[1]
            counts = torch.bincount(output.argmax(1), minlength=classes).cpu()
            known = self._counts
            self._counts = counts if known is None else known + counts
            self._validating = True

    def _watch_model(self, _module: nn.Module, inputs: Any, output: Any) -> None:
        self._watch_model_quietly(inputs, output, trains=torch.is_grad_enabled())

    def _end_validation(self) -> None:
        if not self._validating or self._counts is None:
            return
        shares = (self._counts.double() / self._counts.sum()).tolist()
        for number, share in enumerate(shares):
            self._put(f"predicted_share/{number}", share)
        self._put("predicted_top_share", max(shares))
        self._counts, self._validating = None, False


class _Inputs:
    """What goes into the model, and what comes out, in the first training batches."""

    def __init__(self) -> None:
        self._batches = self._samples = self._numbers = 0
        self._sum, self._low, self._high = 0.0, float("inf"), float("-inf")

    def watch(self, inputs: Any, output: Any) -> Iterator[tuple[str, float]]:
        """Yield what is known after another batch; nothing once enough were seen."""
        if self._batches >= INPUT_BATCHES and self._samples >= INPUT_SAMPLES:
            return
        given = inputs[0] if inputs else None
        if isinstance(given, Tensor) and given.is_floating_point() and given.numel():
            self._samples += len(given) if given.ndim else 1
            self._numbers += given.numel()
            self._sum += float(given.double().sum())
            self._low = min(self._low, float(given.min()))
            self._high = max(self._high, float(given.max()))
            yield "input_mean", self._sum / self._numbers
            yield "input_min", self._low
            yield "input_max", self._high
            yield "input_samples", float(self._samples)
            yield "input_ndim", float(given.ndim)
        self._batches += 1
        if self._batches <= INPUT_BATCHES and _has_classes(output):
            rows = torch.logsumexp(output.detach().float(), 1)
            yield "output_logsumexp", float(rows.abs().mean())


def inactive_share(active: Tensor) -> float:
    """Return the share of units that are active in less than `MIN_ACTIVITY` of a batch.

    A unit of a convolution is a channel. With three dimensions it may be the second or
    the last; the one with fewer inactive units is taken.
    """
    if active.ndim < 2:
        return 0.0
    where = (1, -1) if active.ndim == 3 else (1,)
    shares = []
    for dimension in where:
        by_unit = active.movedim(dimension, -1).flatten(0, -2)
        activity = by_unit.float().mean(0)
        shares.append(float((activity < MIN_ACTIVITY).float().mean()))
    return min(shares)


def _dense(grad: Tensor | None) -> Tensor | None:
    if grad is None or not grad.numel():
        return None
    return (grad.to_dense() if grad.is_sparse else grad).detach().float()


def _has_classes(output: Any) -> bool:
    return (
        isinstance(output, Tensor)
        and output.is_floating_point()
        and output.ndim == 2
        and output.shape[1] > 1
    )
