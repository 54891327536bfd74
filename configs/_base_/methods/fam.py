"""FAM-KD: the last map of the student through a learnt filter of its frequencies."""

method = dict(losses=dict(fam=dict(type='FAMLoss', on='map')))
