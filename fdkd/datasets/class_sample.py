"""What a classifier knows of one sample: its label, and what was predicted."""

from mmengine.structures import BaseDataElement


class ClassSample(BaseDataElement):
    """One sample of a classification data set.

    Metainfo:
        sample_id: The sample's id.
        present: The modalities that the sample has, and ``'label'`` if it has one.
        index: Its place in the data set.
        view: The number of its view, 0 where the data set is not asked for views.

    Fields:
        gt_label: int64 scalar tensor, the class or :data:`~fdkd.labels.UNLABELLED`.
        pred_scores: float32 ``[K]``, the softmax of the logits, after a prediction.
        pred_label: int64 scalar tensor, the class with the highest score, after a prediction.
        head_scores: Scores ``[K]`` by name of further heads (a loss's band classifiers), where these were asked too.
    """
