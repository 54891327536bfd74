"""How every experiment runs, logs and saves."""

default_scope = 'fdkd'
default_hooks = dict(
    runtime_info=dict(type='DeferredRuntimeInfo'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10, log_metric_by_epoch=True, interval_exp_name=10**9),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    statistics=dict(type='AverageStatistics'),
    stop=dict(type='StopOnSignal'),
)
custom_hooks = [dict(type='StopOnNonFiniteLoss'), dict(type='DataWatch')]
log_processor = dict(type='LogProcessor', window_size=10, by_epoch=True)
visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
randomness = dict(seed=0)
log_level = 'INFO'
