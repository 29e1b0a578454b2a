# One image for every part: vpp serve | vpp adapters run (the default entry point), vpp-sim devices | people | setup
# (--entrypoint vpp-sim). No container engine is needed to check it: make image-check runs these very steps.
# Behind a mirror: --build-arg PIP_INDEX_URL=...

FROM debian:12.11-slim AS build
ARG DEBIAN_FRONTEND=noninteractive
# Without a value these are not set, and pip goes where it always goes.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
RUN apt-get update --quiet=2 \
    && apt-get install --yes --quiet=2 --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements.lock ./
# Wheels only: no compiler is in this image, and nothing of a package runs before its hash was checked.
RUN python3 -m venv /opt/vpp \
    && /opt/vpp/bin/python -m pip install --no-cache-dir --disable-pip-version-check --quiet \
       --only-binary :all: --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY configs ./configs
COPY vpp ./vpp
COPY optimizer ./optimizer
COPY adapters ./adapters
COPY simulator ./simulator
# What only builds and installs stays behind: the running image can install nothing.
RUN /opt/vpp/bin/python -m pip install --no-cache-dir --disable-pip-version-check --quiet \
       --no-deps --no-build-isolation --no-index . \
    && /opt/vpp/bin/python -m pip --disable-pip-version-check check \
    && /opt/vpp/bin/python -m pip uninstall --yes --quiet editables hatchling setuptools \
    && /opt/vpp/bin/python -m pip uninstall --yes --quiet pip

FROM debian:12.11-slim AS runtime
LABEL org.opencontainers.image.title="beichen-vpp" \
      org.opencontainers.image.description="Virtual power plant: controller, gateways, simulated devices" \
      org.opencontainers.image.licenses="Apache-2.0"
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update --quiet=2 \
    && apt-get install --yes --quiet=2 --no-install-recommends ca-certificates python3 tzdata \
    && rm -rf /var/lib/apt/lists/*
# Fixed ids, so that volumes and secrets can be given to this user from outside. The folder exists so that a new volume
# mounted there belongs to it.
RUN groupadd --gid 10001 vpp \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/vpp --shell /usr/sbin/nologin vpp \
    && install --directory --owner=vpp --group=vpp --mode=0750 /var/lib/vpp
COPY --from=build /opt/vpp /opt/vpp
# PYTHONSAFEPATH: a file in the working folder can never stand in for a module.
ENV PATH=/opt/vpp/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LANG=C.UTF-8
WORKDIR /var/lib/vpp
VOLUME ["/var/lib/vpp"]
EXPOSE 8000
STOPSIGNAL SIGTERM
USER 10001:10001
# The process is alive and answers; /readyz says whether store and broker are there too.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["vpp"]
CMD ["serve", "--config", "/etc/vpp/controller.yaml"]
