"""What a look inside a training process found: the facts that direct probes measure."""

import msgspec


class UnitFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One activation function, called somewhere in the model, on one minibatch."""

    name: str
    """The function, and the layer before it: `relu after net.0`."""
    kind: str
    """`relu`, `tanh` or `sigmoid`."""
    units: int
    dead: float = 0.0
    """Share of units, 0..1, that are zero for every sample; ReLU only."""
    saturated: float = 0.0
    """Share of values, 0..1, in the flat ends; tanh and sigmoid only."""


class InputFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the first layer with weights is fed, over the first minibatches."""

    layer: str
    samples: int
    features: int
    """Features, or channels of an image."""
    not_finite: int = 0
    """NaN and infinite values, which all other fields leave out."""
    mean: float = 0.0
    rms: float = 0.0
    """Root of the mean square of all values."""
    largest: float = 0.0
    """Largest magnitude."""
    mean_over_sd: float = 0.0
    """Median over the features of |mean| over standard deviation."""
    scale_ratio: float = 1.0
    """Root mean square of the largest feature over that of the median one."""


class SignalFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How well plain methods tell the targets of the first samples from their inputs.

    Each sample is predicted from all others. For classes, shares of right answers; for
    regression, correlations of predicted and true values, and `chance` is 0.
    """

    samples: int
    neighbour: float
    """By the nearest other sample."""
    linear: float
    """By ridge regression."""
    chance: float
    """By naming the most frequent class."""
    error: float
    """Standard error of each of these."""


class Inspection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that was looked at so far; what was not is None or empty."""

    iterations: int
    """Iterations the looks at gradients cover."""
    optimizer: str = ""
    """Class name of the first optimizer, `AdamW`."""
    stale_checked: int = 0
    """First backward passes after an update that were compared."""
    stale: int = 0
    """Those that added to a gradient which was there before."""
    no_gradient: list[str] = []
    """Parameters that require a gradient and never got one other than zero."""
    not_in_optimizer: list[str] = []
    """Parameters that get gradients and that no optimizer holds."""
    frozen: list[str] = []
    """Parameters that require no gradient."""
    parameters: int = 0
    """Number of parameter tensors, frozen ones included."""
    gradient_rms: dict[str, float] = {}
    """Root mean square of the gradient of each weight tensor over these iterations, in
    the model's order."""
    alike_units: list[str] = []
    """Weight tensors whose units all have the same weights, in the first iteration and
    still in the last one."""
    alike_at_start: list[str] = []
    """The same in the first iteration alone."""
    output_shape: list[int] = []
    target_shape: list[int] = []
    outputs_seen: int = 0
    """Outputs that what follows was looked for in."""
    are_probabilities: bool | None = None
    """Whether each output of the model was a distribution over the classes: not below 0,
    with sum 1."""
    are_log_probabilities: bool | None = None
    """Whether the exponentials of each output were one."""
    in_unit_interval: bool | None = None
    """Whether each number the model gave lay in [0, 1]."""
    in_unit_interval_later: bool | None = None
    """The same after these iterations, of the samples that are kept."""
    last_operation: str = ""
    """`relu`, `sigmoid`, `softmax` or `log_softmax`, if the model ends with it."""
    is_broadcast: bool | None = None
    """Whether outputs and targets of different shapes are spread out against each other."""
    batch_loss_ratio: float | None = None
    """Loss of a minibatch over the mean of the losses of its halves: 1 for a mean, 2 for
    a sum."""
    loss_scale: float | None = None
    """How many times the mean over the samples a loss is that may not be asked, the
    outputs of each sample summed; None: it is no cross entropy and no squared error."""
    mixed_samples: bool | None = None
    """Whether the output for a sample depends on the others in its minibatch."""
    chance_share: float | None = None
    """How much outputs differ between two passes of the same samples in evaluation mode,
    over what they differ by between samples: 1 if a sample's answer is all chance."""
    varies_with_input: bool | None = None
    """Whether different samples get different outputs, after these iterations."""
    output_spread: float | None = None
    """Before the first update, standard deviation of an output over the samples, over the
    root mean square of the outputs; each the root mean square over the outputs."""
    head_inputs: int | None = None
    """Numbers from which the last linear layer works out the outputs; None: the model
    does not end with one."""
    normalizations: int = 0
    """Normalization layers: batch, layer, group, instance or root mean square."""
    mode_layers: int = 0
    """Layers that behave differently in training: dropout, batch normalization."""
    largest_dropout: float = 0.0
    """Highest probability of a dropout layer."""
    off_in_training: list[str] = []
    """Those found in evaluation mode in every pass with gradients."""
    on_in_validation: list[str] = []
    """Those found in training mode in every pass without gradients."""
    top_class: float | None = None
    """Share of the kept training samples that get the most frequent answer, after these
    iterations; None: no classes."""
    weight_norm_at_start: float | None = None
    """L2 norm of all weight tensors that are trained, before the first update."""
    weight_norm: float | None = None
    """The same after these iterations."""
    weight_scale: float | None = None
    """Before the first update, root mean square of a linear or convolutional layer's
    weights times the root of its fan, of the layer where it is largest: 0.6 to 1.7 with
    the usual random weights. The fan is that of the inputs, of a kernel the smaller one.
    None: there is no such layer."""
    weight_scale_layer: str = ""
    """That layer."""
    decay_over_gradient: float | None = None
    """Norm of what weight decay adds to the gradient over that of the gradient itself,
    at the newest update looked at. With decoupled decay, of what it takes from the
    weights over an update of Adam whose gradients all agree. None: no decay."""
    inputs: InputFacts | None = None
    signal: SignalFacts | None = None
    twins: float | None = None
    """Share of validation samples that are also training samples, bit for bit."""
    twins_within: float | None = None
    """Share of training samples that are there more than once."""
    twins_expected: float | None = None
    """Share of validation samples with a twin that chance explains: that within the
    training samples if they have few values, 0 if no two can be alike by chance."""
    units: list[UnitFacts] = []
    """Activation functions in the order of their calls, after these iterations."""
    units_at_start: list[UnitFacts] = []
    """The same before the first update."""
