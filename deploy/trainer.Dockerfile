# syntax=docker/dockerfile:1
# Learns a model and writes its bundle; with the extras fast and s3. From the repository's root:
#   docker build --file deploy/trainer.Dockerfile --tag tagstream-trainer .
# A tag may move. For a release, pin the base by the digest that
#   docker buildx imagetools inspect python:3.12-slim-bookworm
# prints: --build-arg BASE=python:3.12-slim-bookworm@sha256:...
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements/build.txt requirements/trainer.txt requirements/
RUN python -m venv --without-pip /opt/tagstream \
    && python -m pip --python /opt/tagstream/bin/python install \
        --require-hashes --requirement requirements/trainer.txt
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
    && mkdir /opt/registry

FROM ${BASE}
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tagstream trainer" \
      org.opencontainers.image.description="Learns to recommend hashtags, and exports bundles" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/tagstream /opt/tagstream
# A new volume takes the owner of the folder below it.
COPY --from=build --chown=65532:65532 /opt/registry /var/lib/tagstream/registry
COPY --from=build --chown=65532:65532 /opt/registry /var/lib/tagstream/runs
COPY --from=build --chown=65532:65532 /opt/registry /var/lib/tagstream/collected
# All that must be writable: /tmp, the runs, the collected posts and the registry.
ENV PATH=/opt/tagstream/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    ORT_DISABLE_TELEMETRY=1 \
    NUMBA_CACHE_DIR=/tmp/numba
USER 65532:65532
WORKDIR /var/lib/tagstream
# It serves nothing that could be asked.
HEALTHCHECK NONE
ENTRYPOINT ["trainer"]
CMD ["--help"]
