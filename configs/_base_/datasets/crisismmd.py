"""CrisisMMD, humanitarian task, agreed labels: a post's text and its image."""

_base_ = './classification.py'
words = [dict(type='Tokenize', modality='text', model='bert-base-uncased', max_length=128)]
image = [dict(type='LoadFrames', modality='image')]
train_pipeline = [*words, *image, *_base_.image_steps.train, _base_.pack]
test_pipeline = [*words, *image, *_base_.image_steps.test, _base_.pack]
dataset = dict(type='CrisisMMD', data_root='data/crisismmd')
train_dataloader = dict(dataset=dict(**dataset, split='train', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**dataset, split='dev', pipeline=test_pipeline, test_mode=True))
test_dataloader = dict(dataset=dict(**dataset, split='test', pipeline=test_pipeline, test_mode=True))
model = dict(
    data_preprocessor=dict(
        type='MultimodalPreprocessor',
        modalities=dict(text=dict(tokens=True), image=_base_.imagenet),
    )
)
