"""Which registry builds what of a config."""

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

from fdkd import registry as fdkd_registry

#: Sections that load data.
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
#: Which registry builds what stands below a top-level key.
SECTIONS = {
    'model': 'MODELS', 'train_dataloader': 'DATASETS', 'val_dataloader': 'DATASETS', 'test_dataloader': 'DATASETS',
    'val_evaluator': 'METRICS', 'test_evaluator': 'METRICS', 'optim_wrapper': 'OPTIM_WRAPPERS', 'train_cfg': 'LOOPS',
    'param_scheduler': 'PARAM_SCHEDULERS', 'default_hooks': 'HOOKS', 'custom_hooks': 'HOOKS',
    'visualizer': 'VISUALIZERS', 'log_processor': 'LOG_PROCESSORS',
}  # fmt: skip
#: Keys within a section whose value another registry builds.
PARTS = {
    'sampler': 'DATA_SAMPLERS', 'pipeline': 'TRANSFORMS', 'optimizer': 'OPTIMIZERS', 'vis_backends': 'VISBACKENDS',
    'losses': 'DISTILL_LOSSES', 'decoupler': 'DECOUPLERS', 'connector': 'CONNECTORS', 'init_cfg': 'WEIGHT_INITIALIZERS',
    'collate_fn': 'FUNCTIONS',
}  # fmt: skip


def registry_of(name: str) -> Registry:
    """The registry of that name: fdkd's, or where it has none MMEngine's."""
    return getattr(fdkd_registry if hasattr(fdkd_registry, name) else mmengine_registry, name)
