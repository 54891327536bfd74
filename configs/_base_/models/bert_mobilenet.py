"""BERT-base for text and MobileNetV2 for images, both from pretrained weights; the data set gives the classes.

The paper does not say whether its MobileNetV2 starts from ImageNet; ``--pretrained none`` starts both from scratch.
"""

bert = 'bert-base-uncased'
classifier = dict(
    text=dict(
        type='Classifier',
        backbone=dict(type='TransformerText', model=bert, init_cfg=dict(type='HuggingFaceInit', model=bert)),
    ),
    image=dict(
        type='Classifier',
        backbone=dict(type='MobileNetV2', init_cfg=dict(type='ImageNetInit', arch='mobilenet_v2')),
    ),
)
