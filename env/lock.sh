#!/usr/bin/env bash
# Writes env/requirements.lock: exact versions for every Python from 3.10 on and every platform.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "error: uv is not installed; try: pipx install uv" >&2; exit 2; }

# A GPU build of torch pins its own CUDA libraries exactly; a CPU build must not get them.
cuda=(cuda-bindings cuda-pathfinder cuda-toolkit triton nvidia-{cublas,cuda-cupti,cuda-nvrtc,cuda-runtime}
      nvidia-{cudnn-cu13,cufft,cufile,curand,cusolver,cusparse,cusparselt-cu13,nccl-cu13,nvjitlink}
      nvidia-{nvshmem-cu13,nvtx})
lock=$(mktemp) && trap 'rm -f "$lock"' EXIT
cp env/requirements.lock "$lock" 2>/dev/null || true # uv keeps the versions it finds there
uv pip compile env/requirements.in --output-file "$lock" --universal --python-version 3.10 --no-header \
  --annotation-style line --quiet "${cuda[@]/#/--no-emit-package=}"
{
  echo "# Exact pins for Python 3.10 and later, written from requirements.in by \`make lock\`."
  echo "# The CUDA libraries that a GPU build of torch needs follow torch's own exact pins and are left out here,"
  echo "# so that the same file serves a CPU and a GPU machine."
  sed '/^$/,$d' "$lock"
} >env/requirements.lock
