"""Feat on the generated rooms: a depth student learns from an RGB teacher."""

_base_ = ['../feat/nyu_depth_from_rgb.py', '../_base_/rooms.py']
