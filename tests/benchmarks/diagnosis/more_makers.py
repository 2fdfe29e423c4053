"""Inputs and targets of the data sets that are there for tuning alone."""

import numpy as np

from tests.benchmarks.diagnosis.makers import Arrays


def arm(rng: np.random.Generator) -> Arrays:
    """How far the hand of an arm with four joints is from the shoulder, somewhat noisy."""
    angles = rng.uniform(-1.6, 1.6, (1200, 6))
    turned = angles[:, :4].cumsum(1)
    reach = np.hypot(np.cos(turned).sum(1), np.sin(turned).sum(1))
    return angles, (reach + rng.normal(0, 0.25, 1200))[:, None]


def demand(rng: np.random.Generator) -> Arrays:
    """Counts, skewed, whose rate grows with some of twelve features."""
    inputs = rng.normal(0, 1, (1100, 12))
    rate = np.exp(0.7 + inputs[:, :5] @ np.array([0.4, -0.4, 0.3, 0.3, -0.2]))
    return inputs, rng.poisson(rate)[:, None].astype(np.float64)


def seldom(rng: np.random.Generator) -> Arrays:
    """Three classes of 82, 11 and 7 %, the rare ones in two corners."""
    labels = rng.choice(3, 1900, p=(0.82, 0.11, 0.07))
    centres = np.zeros((3, 10))
    centres[1, :4], centres[2, 3:7] = 1.3, -1.4
    return centres[labels] + rng.normal(0, 1, (1900, 10)), labels


def votes(rng: np.random.Generator) -> Arrays:
    """Thirty answers of yes or no that add up to one, every eighth at random."""
    inputs = rng.choice((-1.0, 1.0), (1300, 30))
    sums = inputs @ rng.normal(0, 1, 30)
    is_wrong = rng.random(1300) < 1 / 8
    return inputs, np.where(is_wrong, rng.random(1300) < 0.5, sums > 0)[:, None]


def letters(rng: np.random.Generator) -> Arrays:
    """Twenty patterns of 36 dots, one dot in seven wrong."""
    labels = rng.integers(0, 20, 1700)
    patterns = rng.random((20, 36)) < 0.45
    return (patterns[labels] ^ (rng.random((1700, 36)) < 0.14)).astype(float), labels


def shapes(rng: np.random.Generator) -> Arrays:
    """Discs, rings, squares, crosses and bars, in three colours, under noise."""
    labels = rng.integers(0, 5, 900)
    rows, columns = np.mgrid[0:12, 0:12]
    images = rng.normal(0, 0.8, (900, 3, 12, 12))
    for index, label in enumerate(labels):
        down, across = rows - rng.uniform(4, 7), columns - rng.uniform(4, 7)
        far, size = np.hypot(down, across), rng.uniform(2.2, 3.8)
        square = np.maximum(abs(down), abs(across)) < size
        thin = np.minimum(abs(down), abs(across)) < 0.9
        form = (far < size, abs(far - size) < 0.8, square, square & thin)
        drawn = form[label] if label < 4 else square & (abs(down) < 0.9)
        images[index] += drawn * rng.uniform(0.7, 1.5, (3, 1, 1))
    return images, labels


def moods(rng: np.random.Generator) -> Arrays:
    """Whether good or bad words prevail among 14, after a `not` the other way round."""
    text = rng.integers(0, 16, (1000, 14))
    worth = np.concatenate([[0.0], rng.normal(0, 1, 15)])[text]
    turned = np.roll(text == 0, 1, axis=1)
    turned[:, 0] = False
    return text, (np.where(turned, -1, 1) * worth).sum(1)[:, None] > 0


def pulses(rng: np.random.Generator) -> Arrays:
    """Which of four signals 20 noisy samples are of: up, down, a wave, a pulse."""
    labels = rng.integers(0, 4, 900)
    time = np.linspace(0, 1, 20)
    shift = rng.uniform(0.2, 0.8, (900, 1))
    kinds = np.stack(
        [
            np.clip((time - shift) * 3, -1, 1),
            np.clip((shift - time) * 3, -1, 1),
            np.sin(2 * np.pi * (2 * time + shift)),
            2 * np.exp(-(((time - shift) / 0.08) ** 2)) - 0.3,
        ]
    )
    chosen = kinds[labels, np.arange(900)]
    return (chosen + rng.normal(0, 0.7, chosen.shape))[:, :, None], labels


def echoes(rng: np.random.Generator) -> Arrays:
    """Two numbers in each of 12 places; the sum of those that are marked is asked for."""
    values = rng.normal(0, 1, (900, 12))
    marks = np.zeros((900, 12))
    for row in marks:
        row[rng.choice(12, 3, replace=False)] = 1
    inputs = np.stack([values, marks], 2)
    noise = rng.normal(0, 0.3, 900)
    return inputs, ((values * marks).sum(1) + noise)[:, None]


def harvest(rng: np.random.Generator) -> Arrays:
    """What bends with five of eight features, and is the noisier the more it is."""
    inputs = rng.uniform(-1.5, 1.5, (850, 8))
    size = np.cos(2 * inputs[:, 0]) + inputs[:, 1] * inputs[:, 2] + inputs[:, 3]
    size += np.abs(inputs[:, 4])
    noise = rng.normal(0, 0.15 + 0.2 * np.abs(size - size.min()) / 2)
    return inputs, (size + noise)[:, None]


def breakdowns(rng: np.random.Generator) -> Arrays:
    """One machine in 28, where two of six readings are high or one is very low."""
    inputs = rng.normal(0, 1, (2600, 6))
    strain = np.maximum(inputs[:, 0] + inputs[:, 1], -1.4 * inputs[:, 2])
    strain += rng.normal(0, 0.1, 2600)
    return inputs, (strain > np.quantile(strain, 1 - 1 / 28))[:, None]


def committee(rng: np.random.Generator) -> Arrays:
    """Four classes by a net of random weights, with every fourteenth at random."""
    inputs = rng.normal(0, 1, (1600, 12))
    hidden = np.tanh(inputs @ rng.normal(0, 0.5, (12, 8)))
    labels = (hidden @ rng.normal(0, 1, (8, 4))).argmax(1)
    is_wrong = rng.random(1600) < 1 / 14
    return inputs, np.where(is_wrong, rng.integers(0, 4, 1600), labels)


def headlines(rng: np.random.Generator) -> Arrays:
    """Which of 90 words stand in lines about one of eight subjects, or about another."""
    labels = rng.integers(0, 8, 1600)
    often = np.where(rng.random((8, 90)) < 0.12, 0.42, 0.05)
    about = np.where(rng.random(1600) < 0.06, rng.integers(0, 8, 1600), labels)
    return (rng.random((1600, 90)) < often[about]).astype(float), labels


def weaves(rng: np.random.Generator) -> Arrays:
    """Threads in one of five directions, of random pace and phase, under noise."""
    labels = rng.integers(0, 5, 950)
    rows, columns = np.mgrid[0:12, 0:12]
    angle = labels * np.pi / 5
    pace, shift = rng.uniform(1.0, 1.7, 950), rng.uniform(0, 2 * np.pi, 950)
    along = np.cos(angle)[:, None, None] * rows + np.sin(angle)[:, None, None] * columns
    threads = np.sin(pace[:, None, None] * along + shift[:, None, None])
    return (threads + rng.normal(0, 0.8, threads.shape))[:, None], labels


def tides(rng: np.random.Generator) -> Arrays:
    """The sum of two waves and a slope over 20 noisy readings; what comes two later."""
    time = np.arange(22)
    pace = rng.uniform(0.25, 0.9, (800, 2, 1))
    shift, size = (
        rng.uniform(0, 2 * np.pi, (800, 2, 1)),
        rng.uniform(0.5, 1, (800, 2, 1)),
    )
    level = (size * np.sin(pace * time + shift)).sum(1)
    level += rng.normal(0, 0.03, (800, 1)) * time
    noisy = level + rng.normal(0, 0.12, level.shape)
    return noisy[:, :20, None], level[:, 21:]


def order(rng: np.random.Generator) -> Arrays:
    """Which of the symbols 0, 1 and 2 comes last among 11 of nine kinds."""
    text = rng.integers(3, 9, (900, 11))
    labels = rng.integers(0, 3, 900)
    for row, label in zip(text, labels, strict=True):
        places = np.sort(rng.choice(11, 3, replace=False))
        others = [each for each in range(3) if each != label]
        row[places] = [*rng.permutation(others), label]
    return text, labels
