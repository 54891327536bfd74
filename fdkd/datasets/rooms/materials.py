"""Colours and textures: what a surface looks like before light falls on it.

Every texture blends three colours of its material: a pattern gives each point a number from 0 (the first colour) over 1
(the second) to 2 (the third).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# One palette for everything that must be told apart by shape alone (sRGB, 0..1).
PALETTE = np.array(
    [
        [0.55, 0.37, 0.22],  # wood
        [0.76, 0.62, 0.44],  # pale wood
        [0.33, 0.23, 0.17],  # dark wood
        [0.86, 0.84, 0.79],  # off-white
        [0.47, 0.48, 0.51],  # grey
        [0.62, 0.22, 0.20],  # red
        [0.24, 0.36, 0.54],  # blue
        [0.36, 0.47, 0.31],  # green
        [0.82, 0.66, 0.30],  # mustard
    ]
)
FURNITURE_TEXTURES = ('plain', 'checker', 'stripes', 'wood')


class Material(NamedTuple):
    """What one surface is made of.

    ``colours`` are ``[3, 3]``, one a row, linear RGB in 0..1; ``scale`` is the size of the pattern in metres; ``phase``
    (radians) varies it; ``glow`` above 0 is the light that the surface gives in place of what falls on it.
    """

    texture: str
    colours: np.ndarray
    scale: float
    phase: float
    glow: float = 0.0


class Surface(NamedTuple):
    """Where N points lie on the faces of a thing.

    ``u`` and ``v`` are metres along the face (``v`` upwards on an upright one), ``s`` and ``t`` the same as fractions
    of the thing's extent, ``axis`` the axis 0..2 of the thing's frame that is perpendicular to the face, each ``[N]``.
    """

    u: np.ndarray
    v: np.ndarray
    s: np.ndarray
    t: np.ndarray
    axis: np.ndarray


def albedo(material: Material, surface: Surface) -> np.ndarray:
    """Linear RGB ``[N, 3]`` in 0..1 of N points of one material."""
    blend = _PATTERNS[material.texture](surface, material.scale, material.phase)
    return np.stack([np.interp(blend, (0, 1, 2), channel) for channel in material.colours.T], axis=1)


def furniture(rng: np.random.Generator) -> Material:
    """Any colours of the palette in any texture: the one distribution of all classes that differ in shape alone."""
    colours = PALETTE[rng.permutation(len(PALETTE))[:3]]
    return _material(rng, str(rng.choice(FURNITURE_TEXTURES)), colours, scale=rng.uniform(0.1, 0.22))


def cabinet(rng: np.random.Generator) -> Material:
    wood = PALETTE[rng.integers(3)]
    return _material(rng, 'cabinet', [wood, 0.75 * wood, 0.3 * wood], scale=rng.uniform(0.1, 0.2))


def refrigerator(rng: np.random.Generator) -> Material:
    steel = rng.uniform(0.6, 0.95) * np.array([0.97, 0.99, 1.0])
    return _material(rng, 'refrigerator', [steel, 0.93 * steel, 0.35 * steel])


def lamp_shade(rng: np.random.Generator) -> Material:
    return _material(rng, 'plain', [[1.0, 0.93, 0.72]] * 3, glow=rng.uniform(0.6, 1.2))


def door(rng: np.random.Generator) -> Material:
    paint = [[0.88, 0.87, 0.84], [0.60, 0.42, 0.26], [0.45, 0.30, 0.20]][rng.integers(3)]
    return _material(rng, 'door', [paint, np.multiply(paint, 0.7), [0.75, 0.65, 0.35]])


def window(rng: np.random.Generator) -> Material:
    ground = [[0.42, 0.55, 0.32], [0.70, 0.68, 0.64]][rng.integers(2)]
    return _material(rng, 'window', [[0.60, 0.78, 0.98], ground, [0.93, 0.93, 0.92]], glow=rng.uniform(0.5, 0.9))


def picture(rng: np.random.Generator) -> Material:
    return _material(rng, 'picture', [*rng.uniform(0.1, 0.95, (2, 3)), [0.2, 0.15, 0.1]])


def floor_mat(rng: np.random.Generator) -> Material:
    return _material(rng, 'mat', rng.uniform(0.1, 0.85, (3, 3)))


def wall(rng: np.random.Generator) -> Material:
    paint = rng.uniform(0.62, 0.95) * np.array([1, rng.uniform(0.9, 1), rng.uniform(0.75, 1)])
    texture = str(rng.choice(['plain', 'plain', 'stripes']))
    return _material(rng, texture, [paint, 0.93 * paint, paint], scale=rng.uniform(0.15, 0.4))


def floor(rng: np.random.Generator) -> Material:
    wood = PALETTE[rng.integers(5)]
    texture = str(rng.choice(['planks', 'planks', 'plain', 'checker']))
    return _material(rng, texture, [wood, 0.8 * wood, 0.5 * wood], scale=rng.uniform(0.14, 0.3))


def ceiling(rng: np.random.Generator) -> Material:
    return _material(rng, 'plain', [[rng.uniform(0.85, 0.97)] * 3] * 3)


def _material(
    rng: np.random.Generator, texture: str, colours: Sequence | np.ndarray, scale: float = 1.0, glow: float = 0.0
) -> Material:
    """A material from sRGB colours ``[3, 3]``, each a little different every time."""
    colours = np.clip(np.asarray(colours) + rng.normal(0, 0.03, (3, 3)), 0.02, 1)
    return Material(texture, colours**2.2, scale, rng.uniform(0, 2 * np.pi), glow)


def _plain(at: Surface, scale: float, phase: float) -> np.ndarray:
    return np.zeros_like(at.u)


def _checker(at: Surface, scale: float, phase: float) -> np.ndarray:
    return (np.floor(at.u / scale) + np.floor(at.v / scale)) % 2


def _stripes(at: Surface, scale: float, phase: float) -> np.ndarray:
    along = at.u if phase < np.pi else at.v
    return np.floor(along / scale) % 2


def _wood(at: Surface, scale: float, phase: float) -> np.ndarray:
    """Wavy grain along ``u``: half of the way to the second colour at most, with no two rings alike."""
    ring = at.v / scale + 0.4 * np.sin(at.u / scale + phase) + 0.3 * np.sin(2.7 * at.v / scale + phase)
    return 0.25 + 0.25 * np.sin(2 * np.pi * ring)


def _planks(at: Surface, scale: float, phase: float) -> np.ndarray:
    """Boards of width ``scale`` along ``v``, each its own shade, with dark seams."""
    board = np.floor(at.u / scale)
    shade = (np.sin(12.9898 * board + phase) * 43.7585) % 1
    return np.where(at.u / scale - board < 0.1, 1.6, shade)


def _cabinet(at: Surface, scale: float, phase: float) -> np.ndarray:
    """Wood; in front two doors with a seam between them and a knob each."""
    seam = (np.abs(at.s - 0.5) < 0.02) | (at.t < 0.06)
    knob = (np.abs(np.abs(at.s - 0.5) - 0.1) < 0.04) & (np.abs(at.t - 0.55) < 0.06)
    return np.where((at.axis == 1) & (seam | knob), 2, _wood(at, scale, phase))


def _refrigerator(at: Surface, scale: float, phase: float) -> np.ndarray:
    """Plain; in front two compartments with a long handle each."""
    seam = np.abs(at.t - 0.64) < 0.015
    handle = (np.abs(at.s - 0.12) < 0.04) & (np.abs(at.t - 0.64) < 0.22)
    return np.where((at.axis == 1) & (seam | handle), 2, 0)


def _door(at: Surface, scale: float, phase: float) -> np.ndarray:
    """Four sunk panels with dark edges and a knob."""
    s, t = np.abs((2 * at.s) % 1 - 0.5), np.abs((2 * at.t) % 1 - 0.5)
    edge = (np.maximum(s, t) < 0.36) & (np.maximum(s / 0.29, t / 0.32) > 1)
    knob = (np.abs(at.s - 0.92) < 0.05) & (np.abs(at.t - 0.47) < 0.025)
    return np.where(knob, 2, edge)


def _window(at: Surface, scale: float, phase: float) -> np.ndarray:
    """Sky above a skyline behind a frame with a cross."""
    frame = (_to_edge(at) < 0.05) | (np.abs(at.s - 0.5) < 0.03) | (np.abs(at.t - 0.55) < 0.025)
    skyline = 0.3 + 0.08 * np.sin(9 * at.s + phase) + 0.05 * np.sin(23 * at.s + 2 * phase)
    return np.where(frame, 2, at.t < skyline)


def _picture(at: Surface, scale: float, phase: float) -> np.ndarray:
    """Blots of two colours in a frame."""
    blots = np.sin(7 * at.s + phase) + np.sin(9 * at.t + 2 * phase) + np.sin(11 * (at.s + at.t) + 3 * phase)
    return np.where(_to_edge(at) < 0.09, 2, np.clip(0.5 + blots, 0, 1))


def _mat(at: Surface, scale: float, phase: float) -> np.ndarray:
    """Frames within frames of three colours."""
    return np.floor(16 * _to_edge(at)) % 3


def _to_edge(at: Surface) -> np.ndarray:
    """Distance to the nearest edge of the face as a fraction of its sides, 0..0.5."""
    return np.minimum(np.minimum(at.s, 1 - at.s), np.minimum(at.t, 1 - at.t))


_PATTERNS = {
    'plain': _plain,
    'checker': _checker,
    'stripes': _stripes,
    'wood': _wood,
    'planks': _planks,
    'cabinet': _cabinet,
    'refrigerator': _refrigerator,
    'door': _door,
    'window': _window,
    'picture': _picture,
    'mat': _mat,
}
