"""Every registry of fdkd.

All but the last three are children of MMEngine's registries in scope ``fdkd``, so ``type='mmseg.EncoderDecoder'`` and
``type='mmcv.Resize'`` work beside fdkd's own types. The last three are roots. ``locations`` names the packages that
register, so that building a type imports them and ``import fdkd`` does not.
"""

import mmseg.registry  # noqa: F401  (makes the scope ``mmseg`` known)
from mmengine import registry as mmengine_registry
from mmengine.registry import Registry


def _child(name: str, parent: str, *locations: str) -> Registry:
    return Registry(name, parent=getattr(mmengine_registry, parent), scope='fdkd', locations=list(locations))


#: Networks and algorithms. A parent takes one child per scope, so the two names below are the same registry.
MODELS = _child('model', 'MODELS', 'fdkd.models', 'fdkd.algorithms')
#: Feature extractors, a view of :data:`MODELS`.
BACKBONES = MODELS
#: What the runner trains (SingleModality, CrossModalDistiller, ...), a view of :data:`MODELS`.
ALGORITHMS = MODELS
#: Data sets of paired modalities.
DATASETS = _child('dataset', 'DATASETS', 'fdkd.datasets')
#: Samplers that say which sample comes when.
DATA_SAMPLERS = _child('data sampler', 'DATA_SAMPLERS', 'fdkd.datasets')
#: Steps of a data pipeline.
TRANSFORMS = _child('transform', 'TRANSFORMS', 'fdkd.datasets.transforms')
#: What makes a batch of samples.
FUNCTIONS = _child('function', 'FUNCTIONS', 'fdkd.datasets')
#: Evaluation metrics.
METRICS = _child('metric', 'METRICS', 'fdkd.evaluation')
#: Training hooks.
HOOKS = _child('hook', 'HOOKS', 'fdkd.engine')
#: Train, validation and test loops.
LOOPS = _child('loop', 'LOOPS', 'fdkd.engine')
#: Runners.
RUNNERS = _child('runner', 'RUNNERS', 'fdkd.engine')
#: Optimizer wrappers (precision, accumulation).
OPTIM_WRAPPERS = _child('optim wrapper', 'OPTIM_WRAPPERS', 'fdkd.engine')
#: Initialisations named by ``init_cfg``.
WEIGHT_INITIALIZERS = _child('weight initializer', 'WEIGHT_INITIALIZERS', 'fdkd.models')

# Nothing of fdkd's own stands in most of these; they let MMEngine find its own types under fdkd's default scope.
OPTIMIZERS = _child('optimizer', 'OPTIMIZERS')
OPTIM_WRAPPER_CONSTRUCTORS = _child('optim wrapper constructor', 'OPTIM_WRAPPER_CONSTRUCTORS')
PARAM_SCHEDULERS = _child('parameter scheduler', 'PARAM_SCHEDULERS')
EVALUATOR = _child('evaluator', 'EVALUATOR')
LOG_PROCESSORS = _child('log processor', 'LOG_PROCESSORS')
MODEL_WRAPPERS = _child('model wrapper', 'MODEL_WRAPPERS')
VISUALIZERS = _child('visualizer', 'VISUALIZERS')
VISBACKENDS = _child('visualization backend', 'VISBACKENDS', 'fdkd.engine')

#: What splits a feature into a low and a high band.
DECOUPLERS = Registry('decoupler', scope='fdkd', locations=['fdkd.distill.decouplers'])
#: Losses between a student's and a teacher's tensors.
DISTILL_LOSSES = Registry('distillation loss', scope='fdkd', locations=['fdkd.distill.losses'])
#: Adapters from a student's to a teacher's feature shape, called with both.
CONNECTORS = Registry('connector', scope='fdkd', locations=['fdkd.distill.connectors'])
