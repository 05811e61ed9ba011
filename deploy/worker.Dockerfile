# syntax=docker/dockerfile:1
# A worker for processors, with the extras fast, otel and s3. From the repository's root:
#   docker build --file deploy/worker.Dockerfile --tag tagstream-worker .
#   docker run --read-only --volume ./registry:/var/lib/tagstream/registry:ro tagstream-worker
# A tag may move. For a release, pin the base by the digest that
#   docker buildx imagetools inspect python:3.12-slim-bookworm
# prints: --build-arg BASE=python:3.12-slim-bookworm@sha256:...
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements/build.txt requirements/worker.txt requirements/
RUN python -m venv --without-pip /opt/tagstream \
    && python -m pip --python /opt/tagstream/bin/python install \
        --require-hashes --requirement requirements/worker.txt
# ONNX Runtime opens these for a GPU only.
RUN find /opt/tagstream -name 'libonnxruntime_providers_*.so' -delete
RUN python -m venv --without-pip /opt/build \
    && python -m pip --python /opt/build/bin/python install \
        --require-hashes --requirement requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY export export
COPY trainer trainer
COPY worker worker
RUN /opt/build/bin/hatchling build --target wheel --directory /opt/wheel \
    && python -m pip --python /opt/tagstream/bin/python install --no-deps --no-index \
        --find-links /opt/wheel tagstream \
    && mkdir /opt/registry /opt/tagstream/numba
# Compiled ahead, fit for all processors of the architecture, as nothing can be written later.
RUN NUMBA_CACHE_DIR=/opt/tagstream/numba NUMBA_CPU_NAME=generic \
    /opt/tagstream/bin/python -P -m worker.compile

FROM ${BASE}
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tagstream worker" \
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
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"TAGSTREAM_HTTP_PORT\"]}/v2/health/live', timeout=4)"]
ENTRYPOINT ["worker"]
CMD ["run"]
