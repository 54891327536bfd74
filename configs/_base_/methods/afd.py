"""AFD: attention decides which stage of the student learns from which of the teacher."""

method = dict(losses=dict(afd=dict(type='AFDLoss', on='stages')))
