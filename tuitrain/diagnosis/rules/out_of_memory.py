"""A GPU had less free memory than a training asked for."""

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import rounded
from tuitrain.events import (
    Advice,
    Confidence,
    Finding,
    OutOfMemory,
    Scalar,
    Severity,
)
from tuitrain.units import format_bytes


def find_out_of_memory(curves: Curves) -> Finding | None:
    """Find a training that ended since a GPU's memory did not suffice.

    Returns:
        `high`; None: it did suffice, or was never asked for.
    """
    known = curves.out_of_memory
    if known is None:
        return None
    return Finding(
        kind="out_of_memory",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        summary=_summarize(known, curves.sharing),
        evidence={
            "device": known.device_name,
            "asked_gib": _in_gib(known.asked_bytes),
            "free_gib": _in_gib(known.free_bytes),
            "total_gib": _in_gib(known.total_bytes),
            "used_gib": _in_gib(known.used_bytes),
            "batch_size": known.batch_size,
            "trials_on_device": curves.sharing,
        },
        advice=_advise(known, curves.sharing),
    )


def _in_gib(size_bytes: int | None) -> Scalar | None:
    return None if size_bytes is None else rounded(size_bytes / 2**30)


def _summarize(known: OutOfMemory, sharing: int) -> str:
    name = known.device_name or "The GPU"
    total = f" of {format_bytes(known.total_bytes)}" if known.total_bytes else ""
    asked = (
        f"{format_bytes(known.asked_bytes)} more were asked for"
        if known.asked_bytes is not None
        else "more was asked for"
    )
    free = (
        f", {format_bytes(known.free_bytes)} were free"
        if known.free_bytes is not None
        else ""
    )
    shared = f", with {sharing} trials on it" if sharing > 1 else ""
    return f"{name}{total} ran out of memory: {asked}{free}{shared}."


def _advise(known: OutOfMemory, sharing: int) -> tuple[Advice, ...]:
    fewer = Advice(text="Run fewer trials on each GPU: per_gpu in [devices].")
    smaller = _shrink(known)
    others = (
        Advice(
            text="Keep the size of an update: half the minibatch, Task(…, accumulate=2)."
        ),
        Advice(text="Train in bf16, Task(…, amp='bf16'): activations take half."),
        Advice(text="See who else uses the GPU: u, or tuitrain doctor."),
    )
    return (*((fewer,) if sharing > 1 else ()), *smaller, *others)


def _shrink(known: OutOfMemory) -> tuple[Advice, ...]:
    """Return the advice of half the minibatch; (): it is a single sample already."""
    size = known.batch_size
    if size is None:
        return (Advice(text="Take a smaller minibatch, or a smaller model."),)
    if size < 2:
        return ()
    half = size // 2
    if known.takes_batch_size:
        text = f"Halve the minibatch: {half} samples instead of {size}."
        return (Advice(text=text, change={"batch_size": half}),)
    text = (
        f"Halve the minibatch to {half} samples; a script that reads batch_size from the "
        "configuration can be told so by a key."
    )
    return (Advice(text=text),)
