# The service and the worker. Runs as nobody in particular, on a read-only file system: what a worker downloads
# and builds goes to MARQUEE_HOME, a volume; a service writes nothing.

FROM python:3.12.9-slim-bookworm AS build
WORKDIR /source
RUN python -m venv /opt/marquee
# First what changes seldom, so that it stays in the cache.
COPY constraints.txt ./
RUN /opt/marquee/bin/pip install --no-cache-dir -c constraints.txt hatchling
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY index_mappings index_mappings
COPY src src
# Wheels alone: nothing is compiled, so that neither stage needs a compiler. Of what builds, nothing is left.
RUN /opt/marquee/bin/pip install --no-cache-dir --no-build-isolation --only-binary :all: \
      -c constraints.txt '.[otel]' \
 && /opt/marquee/bin/pip uninstall --yes --quiet hatchling editables pathspec pluggy trove-classifiers \
 && /opt/marquee/bin/pip uninstall --yes --quiet pip

FROM python:3.12.9-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin marquee \
 && install --directory --owner marquee --mode 0700 /var/lib/marquee
COPY --from=build /opt/marquee /opt/marquee
ENV PATH=/opt/marquee/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    MARQUEE_HOME=/var/lib/marquee \
    MARQUEE_HOST=0.0.0.0
USER 10001
VOLUME /var/lib/marquee
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --start-interval=1s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
ENTRYPOINT ["marquee"]
CMD ["serve"]
