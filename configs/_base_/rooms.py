"""Moves an NYU-Depth V2 experiment to the generated rooms: another folder, size and length, and no ImageNet weights."""

run_options = dict(data_root='data/rooms', size=(128, 96), epochs=6, batch_size=8, pretrained='none')
