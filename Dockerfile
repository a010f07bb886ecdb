# The runner for images.
#   docker build --target runtime -t runner-runtime .         /opt/runner alone, to be copied into your image
#   docker build --target runner -t runner .                  the same on BASE, ready to work
#   docker build --target s3-clients -t runner-s3-clients .   that, and the aws CLI and boto3 for its jobs
# docs/images.md says how to use each.

# What the image stands on: any Linux, with or without Python. s3-clients needs one with apt.
ARG BASE=debian:trixie-slim
# Where /opt/runner is made, and whose Python goes into it: Debian or Ubuntu with Python 3.11 or newer.
ARG BUILDER=debian:trixie-slim

FROM ${BUILDER} AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Both secrets are optional, for builds behind a mirror or a proxy: a pip.conf, and the certificates that it may name.
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates,target=/run/secrets/certificates.pem \
    PIP_NO_COMPILE=1 VENV=/venv PYTHON=/usr/bin/python3 scripts/install product \
 && /venv/bin/python scripts/runtime /opt/runner
# Any user may be told to work here: what must be writable is for everybody.
RUN mkdir -p /image/etc/runner /image/var/lib/runner /image/pfs \
 && cp conf/images/runner.toml /image/etc/runner/ \
 && chmod 1777 /image/var/lib/runner /image/pfs

FROM scratch AS runtime
COPY --from=build /opt/runner /opt/runner

FROM ${BASE} AS runner
ARG BASE
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="runner" \
      org.opencontainers.image.description="Runs unchanged S3 programs as versioned, traceable pipeline jobs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
COPY --from=build /opt/runner /opt/runner
COPY --from=build /image /
ENV RUNNER_CONFIG=/etc/runner/runner.toml HOME=/tmp
VOLUME /var/lib/runner
STOPSIGNAL SIGTERM
USER 10001:10001
ENTRYPOINT ["/opt/runner/bin/runner"]
CMD ["worker"]

FROM runner AS s3-clients
USER 0
RUN apt-get update \
 && apt-get install --yes --no-install-recommends awscli python3-boto3 \
 && rm -rf /var/lib/apt/lists/*
USER 10001:10001
