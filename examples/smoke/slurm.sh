#!/bin/sh
# Hands the cases of vmm-smoke to Slurm, a share to each task of an array:
#
#     sbatch --array=1-8 --cpus-per-task=4 slurm.sh smoke.toml
#
# Tasks share the folder that they are started in; a report for each is smoke-results/TASK/junit.xml. A task that
# is requeued goes on where it was. --wait makes sbatch return the highest status of all.
#SBATCH --requeue
set -eu
out=smoke-results/$SLURM_ARRAY_TASK_ID
mkdir -p "$out"
exec "${SMOKE:-vmm-smoke}" "$1" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --resume \
	--jobs "${SLURM_CPUS_PER_TASK:-1}" --out "$out" --junit "$out/junit.xml"
