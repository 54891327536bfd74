"""Sound and frames of video clips: spectra are standardised per clip, frames as for ImageNet."""

_base_ = './classification.py'
model = dict(
    data_preprocessor=dict(
        type='MultimodalPreprocessor',
        modalities=dict(audio=dict(), visual=_base_.imagenet),
    )
)
