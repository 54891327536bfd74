"""DeepLabV3+ with a dilated ResNet-18 (output stride 8), one network per modality, from ImageNet weights."""


def deeplabv3plus(in_channels):
    return dict(
        type='mmseg.EncoderDecoder',
        backbone=dict(
            type='mmseg.ResNet',
            depth=18,
            in_channels=in_channels,
            out_indices=(0, 1, 2, 3),
            strides=(1, 2, 1, 1),
            dilations=(1, 1, 2, 4),
            norm_cfg=dict(type='BN'),
            init_cfg=dict(type='ImageNetInit', arch='resnet18'),
        ),
        decode_head=dict(
            type='mmseg.DepthwiseSeparableASPPHead',
            in_channels=512,
            in_index=3,
            channels=128,
            dilations=(1, 12, 24, 36),
            c1_in_channels=64,
            c1_channels=12,
            dropout_ratio=0.1,
            num_classes=40,
            norm_cfg=dict(type='BN'),
            align_corners=False,
            loss_decode=dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
        ),
        auxiliary_head=dict(
            type='mmseg.FCNHead',
            in_channels=256,
            in_index=2,
            channels=64,
            num_convs=1,
            concat_input=False,
            dropout_ratio=0.1,
            num_classes=40,
            norm_cfg=dict(type='BN'),
            align_corners=False,
            loss_decode=dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.4),
        ),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )


segmentor = dict(rgb=deeplabv3plus(in_channels=3), depth=deeplabv3plus(in_channels=1))
