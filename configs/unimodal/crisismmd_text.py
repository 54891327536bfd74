"""CrisisMMD: classification from text alone."""

_base_ = ['../_base_/crisismmd.py', '../_base_/schedules/bert_20e.py']
model = dict(type='SingleModality', modality='text', model=_base_.classifier.text)
