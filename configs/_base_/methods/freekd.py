"""FreeKD: wavelet bands of the last map, masked by prompts that a first stage learns on the frozen teacher."""

method = dict(losses=dict(freekd=dict(type='FreeKDLoss', on='map', connector=dict(type='Resize'))))
first_stage = dict(type='LearnPrompts')
