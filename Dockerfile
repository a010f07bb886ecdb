# The runner as the entrypoint of a pipeline image.
#   docker build --target runner -t runner .
#   docker build --target s3-clients -t runner-s3-clients .      that plus the aws CLI and boto3
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY conf conf
COPY runner runner
RUN python -m venv /opt/runner \
 && /opt/runner/bin/pip install --no-cache-dir --require-hashes --no-deps -r conf/runner.lock \
 && /opt/runner/bin/pip install --no-cache-dir --no-deps . \
 && /opt/runner/bin/pip uninstall --yes pip

FROM ${BASE} AS runner
COPY --from=build /opt/runner /opt/runner
RUN useradd --uid 10001 --create-home runner \
 && install -d -o runner -g runner -m 0777 /pfs \
 && install -d -o runner -g runner /var/lib/runner
ENV RUNNER_STORE=/var/lib/runner RUNNER_JOB_PRIVATE_TMP=true
USER 10001
VOLUME /var/lib/runner
ENTRYPOINT ["/opt/runner/bin/runner"]
CMD ["--help"]

FROM runner AS s3-clients
USER 0
RUN pip install --no-cache-dir awscli boto3
USER 10001
