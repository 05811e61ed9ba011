# syntax=docker/dockerfile:1
# A worker for NVIDIA GPUs, with CUDA 13 and cuDNN 9, as the pinned onnxruntime-gpu wants them, and the
# extras fast, otel and s3.
#   docker build --file deploy/worker-gpu.Dockerfile --tag tagstream-worker-gpu .
#   docker run --gpus all --read-only --volume ./registry:/var/lib/tagstream/registry:ro \
#       tagstream-worker-gpu run --variant cuda-fp16
# A tag may move. For a release, pin the base by the digest that
#   docker buildx imagetools inspect nvidia/cuda:13.0.0-cudnn-runtime-ubuntu24.04
# prints: --build-arg BASE=nvidia/cuda:13.0.0-cudnn-runtime-ubuntu24.04@sha256:...
ARG BASE=nvidia/cuda:13.0.0-cudnn-runtime-ubuntu24.04

FROM ${BASE} AS python
# Ubuntu keeps one version of a package, so that a pinned one would soon be gone.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/*

FROM python AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/*
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements/build.txt requirements/worker.txt requirements/
RUN python3 -m venv --without-pip /opt/tagstream \
    && python3 -m pip --python /opt/tagstream/bin/python install \
        --require-hashes --requirement requirements/worker.txt
RUN python3 -m venv --without-pip /opt/build \
    && python3 -m pip --python /opt/build/bin/python install \
        --require-hashes --requirement requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY export export
COPY trainer trainer
COPY worker worker
RUN /opt/build/bin/hatchling build --target wheel --directory /opt/wheel \
    && python3 -m pip --python /opt/tagstream/bin/python install --no-deps --no-index \
        --find-links /opt/wheel tagstream \
    && mkdir /opt/registry /opt/tagstream/numba
# Compiled ahead, fit for all processors of the architecture, as nothing can be written later.
RUN NUMBA_CACHE_DIR=/opt/tagstream/numba NUMBA_CPU_NAME=generic \
    /opt/tagstream/bin/python -P -m worker.compile

FROM python
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tagstream worker for GPUs" \
      org.opencontainers.image.description="Recommends hashtags on a stream of posts" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/tagstream /opt/tagstream
# A new volume takes the owner of the folder below it.
COPY --from=build --chown=65532:65532 /opt/registry /var/lib/tagstream/registry
ENV PATH=/opt/tagstream/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    ORT_DISABLE_TELEMETRY=1 \
    NUMBA_CACHE_DIR=/opt/tagstream/numba \
    NUMBA_CPU_NAME=generic \
    TAGSTREAM_HTTP_HOST=0.0.0.0 \
    TAGSTREAM_HTTP_PORT=9464 \
    TAGSTREAM_LOG_FORMAT=json \
    TAGSTREAM_REGISTRY=/var/lib/tagstream/registry
USER 65532:65532
EXPOSE 9464
# Kubernetes has probes of its own; this one is for Docker.
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"TAGSTREAM_HTTP_PORT\"]}/v2/health/live', timeout=4)"]
ENTRYPOINT ["worker"]
CMD ["run"]
