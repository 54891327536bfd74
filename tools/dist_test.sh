#!/usr/bin/env bash
# Scores a student on several processes, which share the test set and count each sample once.
#   tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [options of tools/test.py]
# On several machines as tools/dist_train.sh: NNODES, NODE_RANK, MASTER_ADDR, PORT.
set -euo pipefail
config=$1 checkpoint=$2 processes=$3
shift 3
here=$(dirname "$0")
export PYTHONPATH="$(cd "$here/.." && pwd)${PYTHONPATH:+:$PYTHONPATH}"
exec python -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" --nproc_per_node="$processes" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    "$here/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
