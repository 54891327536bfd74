"""Furnishing a room: which things there are, where they stand and where one looks at them from."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fdkd.datasets.rooms import furniture, materials
from fdkd.datasets.rooms.geometry import Camera, look
from fdkd.datasets.rooms.ground import Ground, Place
from fdkd.datasets.rooms.materials import Material

WALL, FLOOR, CABINET, BED, CHAIR, SOFA, TABLE, DOOR, WINDOW = range(1, 10)
PICTURE, PILLOW, FLOOR_MAT, CEILING, REFRIGERATOR, BOX, LAMP = 11, 18, 20, 22, 24, 29, 35

# The share of furniture that returns too little infra-red light, whatever its class and its visible colour.
_DULL = 0.12


class Thing(NamedTuple):
    """One labelled thing.

    Its boxes ``[B, 2, 3]`` (metres, in its own frame) are turned by ``yaw`` and moved to ``position`` ``[3]``. ``dull``
    things return too little infra-red light for the depth sensor; ``flush`` ones cast no shadow.
    """

    label: int
    boxes: np.ndarray
    position: np.ndarray
    yaw: float
    material: Material
    dull: bool = False
    flush: bool = False


class Scene(NamedTuple):
    """A room from the origin to ``size`` ``[3]`` (metres), and what is in it.

    ``shell`` holds the materials of floor, wall and ceiling by label; ``lamps`` are the positions ``[2, 3]`` of two
    lamps below the ceiling, of which the first casts shadows.
    """

    size: np.ndarray
    camera: Camera
    shell: dict[int, Material]
    things: list[Thing]
    lamps: np.ndarray


class _Room(NamedTuple):
    """A room while it is being furnished."""

    rng: np.random.Generator
    ground: Ground
    things: list[Thing]

    def put(self, label: int, boxes: np.ndarray, place: Place, material: Material) -> None:
        self.things.append(Thing(label, boxes, *place, material, dull=self.rng.random() < _DULL))

    def put_flush(self, label: int, boxes: np.ndarray, place: Place, material: Material) -> None:
        self.things.append(Thing(label, boxes, *place, material, flush=True))


def build_scene(rng: np.random.Generator) -> Scene:
    """Draws a furnished room; the same state of ``rng`` gives the same room."""
    size = rng.uniform([3.0, 3.3, 2.35], [4.6, 4.8, 2.7])
    camera = _camera(rng, size)
    shell = {FLOOR: materials.floor(rng), WALL: materials.wall(rng), CEILING: materials.ceiling(rng)}
    x, y = camera.position[:2]
    room = _Room(rng, Ground(rng, size, taken=(x - 0.7, 0.0, x + 0.7, y + 1.0)), [])
    # Large things first, while there is room for them; each often enough for its class to be learnt from 300 rooms.
    for add, chances in (
        (_add_door, (0.6,)),
        (_add_bed, (0.5,)),
        (_add_sofa, (0.5,)),
        (_add_tall_box, (0.7, 0.4)),
        (_add_table, (0.65,)),
        (_add_lamp, (0.7,)),
        (_add_chair, (0.7, 0.6, 0.3)),
        (_add_carton, (0.7, 0.5, 0.2)),
        (_add_wall_panel, (0.9, 0.7, 0.5)),
        (_add_floor_mat, (0.55,)),
    ):
        for chance in chances:
            if rng.random() < chance:
                add(room)
    lamps = rng.uniform([0.3, 0.3, 0.85], [0.7, 0.6, 0.9], (2, 3)) * size
    return Scene(size, camera, shell, room.things, lamps)


def _camera(rng: np.random.Generator, size: np.ndarray) -> Camera:
    """Someone with their back to the wall y = 0 looks into the room."""
    position = np.array([rng.uniform(0.3, 0.7) * size[0], rng.uniform(0.2, 0.4), rng.uniform(1.2, 1.65)])
    yaw, pitch, roll = np.radians(rng.uniform([0, -24, -2], [32, -4, 2]))
    # Towards the middle of the room, not into the nearer side wall.
    side = 1 if position[0] < size[0] / 2 else -1
    return Camera(position, look(side * yaw, pitch, roll), focal=rng.uniform(0.72, 0.86))


def _add_bed(room: _Room) -> None:
    _add_with_pillows(room, BED, furniture.bed(room.rng))


def _add_sofa(room: _Room) -> None:
    _add_with_pillows(room, SOFA, furniture.sofa(room.rng))


def _add_with_pillows(room: _Room, label: int, boxes: np.ndarray) -> None:
    if place := room.ground.against_wall(boxes):
        room.put(label, boxes, place, materials.furniture(room.rng))
        room.put(PILLOW, furniture.pillows(room.rng, boxes), place, materials.furniture(room.rng))


def _add_tall_box(room: _Room) -> None:
    boxes = furniture.tall_box(room.rng)
    if place := room.ground.against_wall(boxes):
        label, material = _either(room.rng, (CABINET, materials.cabinet), (REFRIGERATOR, materials.refrigerator))
        room.put(label, boxes, place, material)


def _add_table(room: _Room) -> None:
    _add_free(room, TABLE, furniture.table(room.rng))


def _add_chair(room: _Room) -> None:
    _add_free(room, CHAIR, furniture.chair(room.rng))


def _add_carton(room: _Room) -> None:
    _add_free(room, BOX, furniture.carton(room.rng))


def _add_free(room: _Room, label: int, boxes: np.ndarray) -> None:
    if place := room.ground.anywhere(boxes):
        room.put(label, boxes, place, materials.furniture(room.rng))


def _add_lamp(room: _Room) -> None:
    stand = furniture.lamp_stand(room.rng)
    shade = furniture.lamp_shade(room.rng, stand)
    if place := room.ground.against_wall(np.concatenate([stand, shade])):
        room.put(LAMP, stand, place, materials.furniture(room.rng))
        room.put(LAMP, shade, place, materials.lamp_shade(room.rng))


def _add_door(room: _Room) -> None:
    boxes = furniture.door(room.rng)
    if place := room.ground.on_wall(boxes, clear=0.6):
        room.put_flush(DOOR, boxes, place, materials.door(room.rng))


def _add_wall_panel(room: _Room) -> None:
    boxes = furniture.wall_panel(room.rng)
    if place := room.ground.on_wall(boxes):
        label, material = _either(room.rng, (WINDOW, materials.window), (PICTURE, materials.picture))
        room.put_flush(label, boxes, place, material)


def _add_floor_mat(room: _Room) -> None:
    """Lies in the middle, also under furniture."""
    boxes = furniture.floor_mat(room.rng)
    room.put_flush(FLOOR_MAT, boxes, room.ground.middle(), materials.floor_mat(room.rng))


def _either(
    rng: np.random.Generator, *options: tuple[int, Callable[[np.random.Generator], Material]]
) -> tuple[int, Material]:
    """A class with its material, drawn after the shape and its place: neither can tell the class."""
    label, material = options[rng.integers(len(options))]
    return label, material(rng)
