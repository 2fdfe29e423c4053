"""All looks at one model, and when each of them is made."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from tuitrain.events import SignalFacts, TrialId
from tuitrain.worker.hooks import Hook
from tuitrain.worker.inspection.answers import (
    OutputLook,
    compare_halves,
    is_broadcast,
    is_in_unit,
    look_at_dependence,
    spread_of,
    varies,
)
from tuitrain.worker.inspection.gradients import (
    MOST_NAMES,
    GradientSizes,
    StaleGradients,
    held_by,
    outside_of,
    weigh_decay,
)
from tuitrain.worker.inspection.modes import (
    ModeLook,
    count_normalizations,
    largest_dropout,
)
from tuitrain.worker.inspection.reading import narrow, unwrap
from tuitrain.worker.inspection.samples import (
    FIRST_LAYERS,
    Gathered,
    InputLook,
    Sources,
    count_twins,
    is_given,
    signal_of,
)
from tuitrain.worker.inspection.scale import ScaleLook
from tuitrain.worker.inspection.telling import (
    AGAIN_AFTER,
    LOOKED_AT,
    TOLD_AT,
    Snapshot,
    Teller,
)
from tuitrain.worker.inspection.units import (
    find_alike,
    look_at_units,
    measure_weights,
    share_of_top_class,
    undisturbed,
    weights_at_start,
)
from tuitrain.worker.readings import Deferred

MOST_ROWS: Final = 64
"""Samples of the minibatch that is kept for looks of our own."""

Loss = Callable[[Any, Any], object]


class Inspector:
    """Looks at a model while it is trained; each look fails for itself.

    It reads and never writes: forward passes of its own leave modes, buffers and random
    state as they were. After `LOOKED_AT` iterations it looks at units alone, ever more
    rarely.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizers: Sequence[Optimizer],
        *,
        trial: TrialId,
        put: Callable[[Any], None],
        loss: object = None,
        sources: Sources | None = None,
        compares_samples: bool = True,
        updates: bool = True,
    ) -> None:
        """Hook into model, optimizers and, if it is a module, loss.

        Args:
            model: On its device already.
            optimizers: All that update it.
            trial: Whose inspection it is.
            put: Takes what was found; never waits.
            loss: Called with (outputs, targets); None: not known.
            sources: Whole data sets; None: not to be had.
            compares_samples: Whether the samples are looked at, too.
            updates: Whether the model is trained; False: only its loss is measured.
        """
        self._model = unwrap(model)
        self._optimizers = list(optimizers)
        self._trial = trial
        self._put = put
        self._loss: Loss | None = loss if callable(loss) else None
        self._sources = sources if compares_samples else None
        self._named = list(model.named_parameters())
        self._off: set[str] = set()
        self._updates = updates
        self._iteration = 0
        """Updates made, or about to be made."""
        self._again_at = LOOKED_AT * AGAIN_AFTER
        self._is_measured = False
        """Whether this is a training without updates, that has begun."""
        self._looking = True
        self._kept: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        self._newest: object = None
        self._targets: object = None
        self._outputs = OutputLook()
        self._scale = ScaleLook(is_on=self._loss is None and updates)
        self._inputs: InputLook | None = None
        self._gathered = Gathered() if compares_samples else None
        self._modes = ModeLook(model)
        self._sizes = GradientSizes(self._named)
        self._stale = [
            StaleGradients(p for g in each.param_groups for p in g["params"])
            for each in self._optimizers
        ]
        self._alike: list[tuple[str, Tensor]] = []
        self._alike_now: list[tuple[str, Tensor]] = []
        self._units: Any = []
        self._units_at_start: Any = []
        self._facts: dict[str, Any] = {}
        self._teller = Teller(trial, put)
        self._frozen = [n for n, p in self._named if not p.requires_grad][:MOST_NAMES]
        self._first_layers: dict[str, RemovableHandle] = {}
        self._looking_handles: list[RemovableHandle] = []
        self._lasting_handles: list[RemovableHandle] = []
        self._hook(model, loss)

    def note_batch(self, inputs: object, targets: object) -> None:
        """Tell a minibatch that is about to go through model and loss.

        What goes into a loss that is a module is seen without it.
        """
        if not self._looking:
            return
        if self._targets is None:
            self._targets = narrow(targets, MOST_ROWS)
        if self._gathered is not None and self._sources is None:
            self._guard("samples", self._gathered.see, inputs, targets)

    def look_without_update(self) -> None:
        """Look at what a minibatch shows where no update is ever made."""
        if not self._is_measured:
            self._is_measured = True
            self._alike = find_alike(self._named)
            self._guard("answers", self._look_at_answers)

    def finish(self) -> None:
        """Tell what is known at the end, and take all hooks away."""
        if self._iteration or self._is_measured:
            self._guard("units", self._look_at_units)
            self._tell()
        self.remove()

    def remove(self) -> None:
        """Take the hooks away; calling it again does nothing."""
        self._end_looking()
        self._modes.end()
        for handle in self._lasting_handles:
            handle.remove()
        self._lasting_handles = []

    def _hook(self, model: nn.Module, loss: object) -> None:
        self._modes.begin()
        self._looking_handles = [
            model.register_forward_pre_hook(Hook(self._see_inputs), with_kwargs=True),
            model.register_forward_hook(Hook(self._see_outputs)),
        ]
        self._first_layers = {
            name: module.register_forward_pre_hook(Hook(partial(self._see_first, name)))
            # Hooks within a compiled model would have it compiled again.
            for name, module in model.named_modules()
            if isinstance(module, FIRST_LAYERS) and self._model is model
        }
        if isinstance(loss, nn.Module):
            self._looking_handles.append(
                loss.register_forward_hook(Hook(self._see_loss), with_kwargs=True)
            )
        for index, optimizer in enumerate(self._optimizers):
            self._looking_handles.append(
                optimizer.register_step_pre_hook(partial(self._see_step, index))
            )
            self._lasting_handles.append(
                optimizer.register_step_post_hook(partial(self._see_stepped, index))
            )

    # --- what hooks see ---

    def _see_inputs(
        self, _: nn.Module, given: tuple[Any, ...], named: dict[str, Any]
    ) -> None:
        if self._modes.is_paused:
            return
        self._newest = given[0] if given else next(iter(named.values()), None)
        if self._kept is None:
            self._kept = narrow(given, MOST_ROWS), narrow(named, MOST_ROWS)

    def _see_outputs(self, _: nn.Module, __: Any, outputs: object) -> None:  # noqa: ANN401
        if not self._modes.is_paused and isinstance(outputs, Tensor):
            self._guard("outputs", self._outputs.see, outputs)
            self._guard("scale", self._scale.see, outputs)

    def _see_first(self, name: str, module: nn.Module, given: tuple[Any, ...]) -> None:
        """Look at what goes into the layer with weights that is called first."""
        if self._modes.is_paused or not given:
            return
        if self._inputs is None:
            self._inputs = InputLook(name or "model", module)
            self._remove_first_layers(but=name)
        if is_given(given[0], self._model):
            self._guard("inputs", self._inputs.see, given[0])

    def _see_loss(
        self, _: nn.Module, given: tuple[Any, ...], named: dict[str, Any], __: object
    ) -> None:
        targets = [*given, *named.values(), None, None][1]
        # In a step without updates nothing has gradients.
        is_trained = torch.is_grad_enabled() or not self._updates
        if is_trained and not self._modes.is_paused:
            self.note_batch(self._newest, targets)

    # --- around an update ---

    def _see_step(self, index: int, *_: object) -> None:
        self._guard("gradients", self._before_step, index)

    def _see_stepped(self, index: int, *_: object) -> None:
        if self._looking:
            self._guard("gradients", self._after_step, index)
        elif index == 0:
            self._iteration += 1
            if self._iteration >= self._again_at:
                self._again_at *= AGAIN_AFTER
                self._guard("gradients", self._look_again)

    def _before_step(self, index: int) -> None:
        optimizer = self._optimizers[index]
        owned = held_by([optimizer])
        if index == 0:
            self._iteration += 1
            # Those outside of all optimizers are told apart elsewhere.
            owned |= {id(p) for _, p in self._named} - held_by(self._optimizers)
            if self._iteration in TOLD_AT:
                self._facts["decay_over_gradient"] = weigh_decay(optimizer)
        self._sizes.see(owned)
        self._stale[index].judge()
        if self._iteration == 1 and index == 0:
            self._guard("answers", self._look_at_answers)
            self._alike = find_alike(self._named)

    def _after_step(self, index: int) -> None:
        self._stale[index].note_update()
        if index + 1 < len(self._optimizers):
            return
        if self._iteration >= LOOKED_AT:
            self._alike_now = find_alike(self._named)
            self._guard("units", self._look_at_units)
            self._tell()
            self._end_looking()
        elif self._iteration in TOLD_AT:
            self._tell()

    def _look_again(self) -> None:
        """Look at what changes in a long training, once in a while."""
        self._facts["decay_over_gradient"] = weigh_decay(self._optimizers[0])
        self._guard("units", self._look_at_units)
        self._tell()
        self._modes.begin()

    # --- looks of our own ---

    @contextmanager
    def _own_passes(self) -> Iterator[None]:
        """Make passes that leave no trace, and are none of the training's."""
        self._modes.is_paused = True
        try:
            with undisturbed(self._model):
                yield
        finally:
            self._modes.is_paused = False

    def _look_at_answers(self) -> None:
        self._facts["loss_scale"] = self._scale.compare(self._targets)
        if self._kept is None:
            return
        (inputs, named), targets, facts = self._kept, self._targets, self._facts
        with self._own_passes():
            seen = look_at_units(self._model, lambda: self._model(*inputs, **named))
            self._units_at_start, outputs = seen.units, seen.outputs
            facts["last_operation"] = seen.last_operation
            facts["head_inputs"] = seen.head_inputs
            facts.update(weights_at_start(self._model, self._named))
            if isinstance(outputs, Tensor):
                facts["output_spread"] = spread_of(outputs)
                found = look_at_dependence(self._model, inputs, named, outputs)
                facts["mixed_samples"], facts["chance_share"] = found
            facts["is_broadcast"] = is_broadcast(outputs, targets)
            if isinstance(targets, Tensor):
                facts["target_shape"] = list(targets.shape)
            if self._loss is not None and targets is not None:
                facts["batch_loss_ratio"] = compare_halves(self._loss, outputs, targets)

    def _look_at_units(self) -> None:
        if self._kept is None:
            return
        inputs, named = self._kept
        with self._own_passes():
            seen = look_at_units(self._model, lambda: self._model(*inputs, **named))
            self._units, outputs = seen.units, seen.outputs
            self._facts["in_unit_interval_later"] = is_in_unit(outputs)
            self._facts["top_class"] = share_of_top_class(outputs)
            self._facts["weight_norm"] = measure_weights(self._named)
            if isinstance(outputs, Tensor):
                self._facts["varies_with_input"] = varies(outputs)

    def _end_looking(self) -> None:
        self._looking = False
        for each in self._stale:
            each.remove()
        for handle in self._looking_handles:
            handle.remove()
        self._looking_handles = []
        self._outputs.forget()
        if self._inputs is not None:
            self._inputs.forget()
        self._remove_first_layers()

    def _remove_first_layers(self, *, but: str | None = None) -> None:
        for name in [name for name in self._first_layers if name != but]:
            self._first_layers.pop(name).remove()

    # --- telling ---

    def _tell(self) -> None:
        """Hand over all there is; the sender thread reads the tensors."""
        outputs, modes = self._outputs, self._modes
        snapshot = Snapshot(
            iterations=self._iteration,
            looked=min(self._iteration, LOOKED_AT),
            checked=max((each.checked for each in self._stale), default=0),
            stale=[each.stale for each in self._stale],
            sizes=self._sizes.snapshot(),
            outside=outside_of(self._named, self._optimizers),
            alike=(list(self._alike), list(self._alike_now)),
            outputs=outputs.reader(),
            facts=dict(self._facts),
            inputs=None if self._inputs is None else self._inputs.reader(),
            signal=self._signal_reader(),
            twins=self._count_twins,
            units=(list(self._units_at_start), list(self._units)),
            plain={
                "optimizer": type(self._optimizers[0]).__name__,
                "frozen": self._frozen,
                "parameters": len(self._named),
                "output_shape": list(outputs.shape),
                "outputs_seen": outputs.rows,
                "normalizations": count_normalizations(self._model),
                "mode_layers": modes.layers,
                "largest_dropout": largest_dropout(self._model),
                "off_in_training": modes.off_in_training,
                "on_in_validation": modes.on_in_validation,
            },
        )
        self._put(Deferred(partial(self._teller.tell, snapshot)))

    def _signal_reader(self) -> Callable[[], SignalFacts | None] | None:
        """Return what works out the targets' signal; None: not yet, or not at all."""
        if self._sources is not None and self._sources.train is not None:
            return partial(signal_of, self._sources.train)
        is_under_way = self._looking and self._updates and self._iteration < LOOKED_AT
        if self._gathered is None or is_under_way:
            return None
        return self._gathered.reader()

    def _count_twins(self) -> tuple[float, float, float] | None:
        return None if self._sources is None else count_twins(self._sources)

    def _guard(self, look: str, make: Callable[..., object], *args: object) -> None:
        if look in self._off:
            return
        try:
            make(*args)
        except Exception as error:  # noqa: BLE001 - a look must not end a training
            self._off.add(look)
            self._teller.report(look, error)
