"""The generated rooms: segmentation from RGB alone."""

_base_ = ['../unimodal/nyu_rgb.py', '../_base_/rooms.py']
