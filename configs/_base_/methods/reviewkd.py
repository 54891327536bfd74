"""ReviewKD: each stage of the teacher is compared with a fusion of all deeper stages of the student."""

method = dict(losses=dict(review=dict(type='ReviewKDLoss', on='stages')))
