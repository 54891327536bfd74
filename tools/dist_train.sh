#!/usr/bin/env bash
# Trains on several processes: GPUs where there are any, CPU cores otherwise.
#   tools/dist_train.sh CONFIG PROCESSES [options of tools/train.py]
#
# PROCESSES are those of one machine. On several machines start it on each, with the same NNODES, MASTER_ADDR (a name or
# address of the first, which all reach) and PORT, and NODE_RANK from 0 up:
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=node0 tools/dist_train.sh CONFIG 8     # on node0
#   NNODES=2 NODE_RANK=1 MASTER_ADDR=node0 tools/dist_train.sh CONFIG 8     # on node1
# The folder in which it is started has to be the same, shared one on all of them: rank 0 alone writes checkpoints, which
# all read. Two trainings on one machine need different PORTs (29500).
#
# MAX_RESTARTS=N starts the processes of one machine again, up to N times, after one of them has died; they resume.
# SIGTERM and SIGINT (Ctrl-C) end the step, save, and exit with 75; the processes have STOP_SECONDS (120) for it.
set -euo pipefail
config=$1 processes=$2
shift 2
here=$(dirname "$0")
export PYTHONPATH="$(cd "$here/.." && pwd)${PYTHONPATH:+:$PYTHONPATH}"
exec python -m fdkd.apis.torchrun \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" --nproc_per_node="$processes" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --max_restarts="${MAX_RESTARTS:-0}" --shutdown_timeout="${STOP_SECONDS:-120}" \
    "$here/train.py" "$config" --launcher pytorch "$@"
