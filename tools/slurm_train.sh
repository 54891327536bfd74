#!/usr/bin/env bash
# Trains under Slurm, one task per GPU.
#   GPUS=8 GPUS_PER_NODE=8 tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of tools/train.py]
#
# GPUS are those of all nodes: GPUS=64 takes 8 nodes of 8. The ranks meet on the first node at PORT (29500), which two
# jobs on one node must not share. CPUS_PER_TASK (5) should be one more than the workers of a data loader. Further
# srun options go into SRUN_ARGS. The folder in which it is started has to be shared by the nodes.
set -euo pipefail
partition=$1 job=$2 config=$3
shift 3
gpus=${GPUS:-8} per_node=${GPUS_PER_NODE:-8}
((gpus < per_node)) && per_node=$gpus
here=$(dirname "$0")
export MASTER_PORT=${PORT:-29500} PYTHONPATH="$(cd "$here/.." && pwd)${PYTHONPATH:+:$PYTHONPATH}"
# shellcheck disable=SC2086  # SRUN_ARGS holds several words
exec srun -p "$partition" --job-name="$job" --gres=gpu:"$per_node" --ntasks="$gpus" \
    --ntasks-per-node="$per_node" --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$here/train.py" "$config" --launcher slurm "$@"
