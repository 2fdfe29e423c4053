"""Inputs and targets of the benchmark's data sets, before they are cut and scaled."""

import numpy as np

from tuitrain.data import load_diabetes, load_digits

Arrays = tuple[np.ndarray, np.ndarray]
"""Inputs and targets, one sample a row."""


def blobs(rng: np.random.Generator) -> Arrays:
    """Five overlapping clouds in 12 dimensions."""
    labels = rng.integers(0, 5, 1400)
    centres = rng.normal(0, 0.7, (5, 12))
    return centres[labels] + rng.normal(0, 1, (1400, 12)), labels


def spirals(rng: np.random.Generator) -> Arrays:
    """Two arms wound around each other, among four dimensions of noise."""
    side = rng.integers(0, 2, 1500)
    turn = np.sqrt(rng.uniform(0.05, 1, 1500)) * 2 * np.pi
    angle = turn + np.pi * side
    plane = np.stack([turn * np.cos(angle), turn * np.sin(angle)], 1)
    plane += rng.normal(0, 0.55, plane.shape)
    return np.concatenate([plane, rng.normal(0, 1, (1500, 2))], 1), side[:, None]


def several_labels(rng: np.random.Generator) -> Arrays:
    """Six yes-or-no questions on 16 features, each answer wrong one time in twelve."""
    inputs = rng.normal(0, 1, (1500, 16))
    hidden = np.tanh(inputs @ rng.normal(0, 0.35, (16, 10)))
    answers = hidden @ rng.normal(0, 1, (10, 6)) > 0
    return inputs, answers ^ (rng.random(answers.shape) < 1 / 12)


def friedman(rng: np.random.Generator) -> Arrays:
    """Friedman's first regression problem: five features that matter, five that don't."""
    u = rng.uniform(0, 1, (1300, 10))
    y = 10 * np.sin(np.pi * u[:, 0] * u[:, 1]) + 20 * (u[:, 2] - 0.5) ** 2
    y += 10 * u[:, 3] + 5 * u[:, 4] + rng.normal(0, 1.2, 1300)
    return u, y[:, None]


def rare(rng: np.random.Generator) -> Arrays:
    """One sample in ten is of the kind that is looked for, inside a ball."""
    inputs = rng.normal(0, 1, (2400, 8))
    size = np.linalg.norm(inputs[:, :3] - 0.8, axis=1) + rng.normal(0, 0.08, 2400)
    return inputs, (size < np.quantile(size, 0.1))[:, None]


def teacher(rng: np.random.Generator) -> Arrays:
    """Three classes that a line of 20 features decides, every twelfth at random."""
    inputs = rng.normal(0, 1, (1500, 20))
    labels = (inputs @ rng.normal(0, 1, (20, 3))).argmax(1)
    is_wrong = rng.random(1500) < 1 / 12
    return inputs, np.where(is_wrong, rng.integers(0, 3, 1500), labels)


def sparse(rng: np.random.Generator) -> Arrays:
    """Counts of 120 words in short texts about one of six subjects."""
    labels = rng.integers(0, 6, 1500)
    words = rng.dirichlet(np.full(120, 0.25), 6) * 0.7 + 0.3 / 120
    counts = np.stack([rng.multinomial(12, words[label]) for label in labels])
    return np.log1p(counts), labels


def textures(rng: np.random.Generator) -> Arrays:
    """Stripes of two directions, a chequered pattern and spots, under noise."""
    labels = rng.integers(0, 4, 900)
    rows, columns = np.mgrid[0:12, 0:12]
    images = np.empty((900, 1, 12, 12))
    for index, label in enumerate(labels):
        step, shift = rng.uniform(1.3, 2.0), rng.uniform(0, 2 * np.pi, 2)
        down, across = np.sin(step * rows + shift[0]), np.sin(step * columns + shift[1])
        pattern = (down, across, down * across * 1.6, np.maximum(down + across, 0.2))
        images[index, 0] = pattern[label] + rng.normal(0, 1.3, (12, 12))
    return images, labels


def chain(rng: np.random.Generator) -> Arrays:
    """Symbols that follow a random Markov chain of the second order, 12 kinds."""
    follow = rng.dirichlet(np.full(12, 0.12), (12, 12)).cumsum(-1)
    text = np.zeros((440, 13), dtype=np.int64)
    text[:, :2] = rng.integers(0, 12, (440, 2))
    for place in range(2, 13):
        drawn = rng.random((440, 1))
        text[:, place] = (drawn > follow[text[:, place - 2], text[:, place - 1]]).sum(1)
    return np.minimum(text, 11)[:, :-1], np.minimum(text, 11)[:, 1:]


def motifs(rng: np.random.Generator) -> Arrays:
    """Which of four short words hides somewhere in 12 random symbols."""
    labels = rng.integers(0, 4, 800)
    motifs = np.array([[1, 2, 3], [3, 2, 1], [4, 5, 4], [5, 1, 5]])
    text = rng.integers(0, 8, (800, 12))
    start = rng.integers(0, 10, 800)
    for offset in range(3):
        text[np.arange(800), start + offset] = motifs[labels, offset]
    return text, labels


def sines(rng: np.random.Generator) -> Arrays:
    """Sixteen noisy samples of a wave of random pace; the next one is asked for."""
    pace, shift = rng.uniform(0.3, 1.2, (760, 1)), rng.uniform(0, 2 * np.pi, (760, 1))
    wave = np.sin(pace * np.arange(17) + shift)
    noisy = wave + rng.normal(0, 0.1, wave.shape)
    return noisy[:, :16, None], wave[:, 16:]


def digits_images() -> Arrays:
    """A part of them: convolutions are slow on one core."""
    images, labels = load_digits()
    return images[:1100, None], labels[:1100]


def digits_flat() -> Arrays:
    """Handwritten digits as 64 features."""
    images, labels = load_digits()
    return images.reshape(len(images), -1), labels


def diabetes() -> Arrays:
    """How far a disease goes in a year; a third to a half of it can be known."""
    features, target = load_diabetes()
    return features, target[:, None]
