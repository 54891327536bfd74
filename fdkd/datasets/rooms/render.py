"""Ray casting: what a perfect camera and a perfect depth sensor see of a scene."""

from typing import NamedTuple

import numpy as np

from fdkd.datasets.rooms.geometry import enter_box, leave_box, pass_near, turn
from fdkd.datasets.rooms.materials import Surface, albedo
from fdkd.datasets.rooms.scene import CEILING, FLOOR, WALL, Scene, Thing

_AMBIENT = 0.3
_KEY, _FILL = 1.0, 0.35
# Light reaches a point if it meets nothing on this share of the way: rounding must not let a surface shade itself.
_WAY = 1 - 1e-3
# A Kinect's infra-red projector is 75 mm to the right of its camera, so that every edge has a shadow on its left.
_PROJECTOR = 0.075


class Hits(NamedTuple):
    """What N rays meet first among the things of a scene.

    ``distance`` is the ray parameter, ``inf`` where a ray meets nothing; ``thing`` the index of the thing, -1 where
    there is none; ``axis`` the axis 0..2 of the thing's frame that is perpendicular to the face. Each is ``[N]``.
    """

    distance: np.ndarray
    thing: np.ndarray
    axis: np.ndarray


class View(NamedTuple):
    """A perfect picture of ``[H, W]`` pixels.

    ``colour`` ``[H, W, 3]`` is linear RGB, ``depth`` the distance along the optical axis in metres, ``label`` 1..40,
    ``region`` a number for each thing and for floor, ceiling and walls, ``facing`` the cosine (0..1) between ray and
    surface normal, ``dull`` true on surfaces that return little infra-red light, and ``unlit`` true where the depth
    sensor's projector does not reach.
    """

    colour: np.ndarray
    depth: np.ndarray
    label: np.ndarray
    region: np.ndarray
    facing: np.ndarray
    dull: np.ndarray
    unlit: np.ndarray


def render(scene: Scene, width: int, height: int) -> View:
    """The scene seen by its camera, one ray per pixel."""
    origin, rays = scene.camera.position, scene.camera.rays(width, height)
    room = np.stack([np.zeros(3), scene.size])
    distance, shell_axis = leave_box(origin, rays, room)
    hits = cast(scene.things, origin, rays)
    on_thing = hits.distance < distance
    distance = np.where(on_thing, hits.distance, distance)
    points = origin + distance[:, None] * rays

    count = len(rays)
    colour, normal, glow = np.empty((count, 3)), np.empty((count, 3)), np.zeros(count)
    label, region, dull = np.empty(count, np.uint8), np.empty(count, np.int64), np.zeros(count, bool)
    shell = np.where(shell_axis < 2, WALL, np.where(rays[:, 2] > 0, CEILING, FLOOR))
    for name, material in scene.shell.items():
        at = ~on_thing & (shell == name)
        colour[at] = albedo(material, _surface(points[at], shell_axis[at], room))
        normal[at] = _normal(rays[at], shell_axis[at])
        label[at], region[at] = name, -name
    for number, thing in enumerate(scene.things):
        at = on_thing & (hits.thing == number)
        local = turn(points[at] - thing.position, -thing.yaw)
        colour[at] = albedo(thing.material, _surface(local, hits.axis[at], _bounds(thing)))
        normal[at] = turn(_normal(turn(rays[at], -thing.yaw), hits.axis[at]), thing.yaw)
        glow[at] = thing.material.glow
        label[at], region[at], dull[at] = thing.label, number, thing.dull

    colour *= np.where(glow > 0, glow, _light(scene, points, normal))[:, None]
    facing = -(normal * rays).sum(axis=1) / np.linalg.norm(rays, axis=1)
    unlit = ~_reaches(scene, origin + _PROJECTOR * scene.camera.rotation[:, 0], points)
    maps = colour, distance, label, region, facing, dull, unlit
    return View(*(x.reshape(height, width, *x.shape[1:]) for x in maps))


def cast(things: list[Thing], origin: np.ndarray, rays: np.ndarray) -> Hits:
    """What rays ``[N, 3]`` from one origin ``[3]`` meet first."""
    count = len(rays)
    hits = Hits(np.full(count, np.inf), np.full(count, -1), np.zeros(count, np.int64))
    for number, thing in enumerate(things):
        low, high = _bounds(thing)
        centre = thing.position + turn((low + high) / 2, thing.yaw)
        # Few rays come near one thing: only those are tried with its boxes.
        near = np.flatnonzero(pass_near(origin, rays, centre, np.linalg.norm(high - low) / 2))
        start, local = turn(origin - thing.position, -thing.yaw), turn(rays[near], -thing.yaw)
        for box in thing.boxes:
            distance, axis = enter_box(start, local, box)
            nearer = distance < hits.distance[near]
            at = near[nearer]
            hits.distance[at], hits.thing[at], hits.axis[at] = distance[nearer], number, axis[nearer]
    return hits


def _bounds(thing: Thing) -> np.ndarray:
    """The lowest and the highest corner ``[2, 3]`` of a thing in its own frame."""
    return np.stack([thing.boxes.min(axis=(0, 1)), thing.boxes.max(axis=(0, 1))])


def _normal(rays: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Unit normals ``[N, 3]``, against the rays, of faces perpendicular to the given axes."""
    normal = np.zeros_like(rays)
    rows = np.arange(len(rays))
    normal[rows, axis] = -np.sign(rays[rows, axis])
    return normal


def _surface(points: np.ndarray, axis: np.ndarray, bounds: np.ndarray) -> Surface:
    """Coordinates of points ``[N, 3]`` along faces of something between two corners ``bounds`` ``[2, 3]``."""
    metres = points - bounds[0]
    across, up = np.where(axis == 0, 1, 0), np.where(axis == 2, 1, 2)
    rows = np.arange(len(points))
    u, v = metres[rows, across], metres[rows, up]
    extent = bounds[1] - bounds[0]
    return Surface(u, v, u / extent[across], v / extent[up], axis)


def _light(scene: Scene, points: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Lambertian light ``[N]`` from both lamps and from all around; the first lamp casts shadows."""
    light = np.full(len(points), _AMBIENT) + 0.1 * normal[:, 2]
    for lamp, power in zip(scene.lamps, (_KEY, _FILL), strict=True):
        away = points - lamp
        distance = np.linalg.norm(away, axis=1)
        lambert = np.clip(-(normal * away).sum(axis=1) / distance, 0, 1) * power / (1 + (distance / 2.5) ** 2)
        if power == _KEY:
            lambert *= _reaches(scene, lamp, points)
        light += lambert
    return light


def _reaches(scene: Scene, source: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Which points ``[N, 3]`` on surfaces light from a source ``[3]`` reaches, bool ``[N]``."""
    solid = [thing for thing in scene.things if not thing.flush]
    return cast(solid, source, points - source).distance > _WAY
