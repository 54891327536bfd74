#!/usr/bin/env bash
# Trains under Slurm, one task per GPU.
#   GPUS=8 GPUS_PER_NODE=8 tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of tools/train.py]
#
# GPUS are those of all nodes: GPUS=64 takes 8 nodes of 8. The ranks meet on the first node at PORT (29500), which two
# jobs on one node must not share. CPUS_PER_TASK (5) should be one more than the workers of a data loader. Further
# srun options go into SRUN_ARGS. The folder in which it is started has to be shared by the nodes.
#
# A training that SIGTERM or SIGINT reaches (preemption, scancel, the end of a time limit) ends its step, saves, and exits
# with 75. Slurm kills after KillWait seconds (30, or the partition's GraceTime) what has not ended by then. The script
# lets it go on, at most MAX_REQUEUES (100) times:
# - from a login node it calls srun again with --resume, which waits for a new allocation;
# - within a batch job (sbatch) it requeues that job. The training of a requeued job resumes by itself. For a warning two
#   minutes before the time limit: sbatch --requeue --signal=TERM@120.
# It does not where it was itself told to stop, by Ctrl-C, SIGTERM or a scancel that reaches the batch script. Any other
# status is an error: it is handed on, and nothing is started again. Further signals are handed on to srun.
set -euo pipefail
partition=$1 job=$2 config=$3
shift 3
gpus=${GPUS:-8} per_node=${GPUS_PER_NODE:-8}
((gpus < per_node)) && per_node=$gpus
here=$(dirname "$0")
export MASTER_PORT=${PORT:-29500} PYTHONPATH="$(cd "$here/.." && pwd)${PYTHONPATH:+:$PYTHONPATH}"

told='' srun=''
trap 'told=1; [[ -z $srun ]] || kill -INT "$srun" 2> /dev/null || true' INT
trap 'told=1; [[ -z $srun ]] || kill -TERM "$srun" 2> /dev/null || true' TERM
set -m # without job control a command in the background would ignore SIGINT

run() {
    # shellcheck disable=SC2086  # SRUN_ARGS holds several words
    srun -p "$partition" --job-name="$job" --gres=gpu:"$per_node" --ntasks="$gpus" \
        --ntasks-per-node="$per_node" --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
        python -u "$here/train.py" "$config" --launcher slurm "$@" < /dev/null &
    srun=$!
    while status=0; wait "$srun" || status=$?; kill -0 "$srun" 2> /dev/null; do :; done # a signal ends a wait
    srun=''
}

most=${MAX_REQUEUES:-100} starts=${SLURM_RESTART_COUNT:-0}
run "$@"
while [[ $status == 75 && -z $told ]] && ((starts < most)); do
    starts=$((starts + 1))
    if [[ -n ${SLURM_JOB_ID:-} ]]; then
        echo "job $SLURM_JOB_ID was stopped early and is requeued ($starts of $most times)"
        scontrol requeue "$SLURM_JOB_ID" || echo 'Slurm does not requeue it: start it again yourself' >&2
        break
    fi
    echo "the training was stopped early and is started again ($starts of $most times)"
    run "$@" --resume
done
exit "$status"
