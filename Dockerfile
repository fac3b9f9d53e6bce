# syntax=docker/dockerfile:1

FROM python:3.13-slim-trixie AS build
COPY requirements.lock /tmp/requirements.lock
# The lock file is complete: --no-deps keeps out what the carriers of data files would ask for.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary=:all: -r /tmp/requirements.lock \
    && /opt/venv/bin/python -m compileall -q /opt/venv \
    && /opt/venv/bin/pip uninstall --yes pip

FROM python:3.13-slim-trixie
RUN useradd --system --uid 10001 --home-dir /data lipsync \
    && install -d -o lipsync -g lipsync /data
COPY --from=build /opt/venv /opt/venv
COPY app /srv/app
WORKDIR /srv
# TMPDIR stands on the volume: a /tmp in memory would hold whole uploads.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/data \
    TMPDIR=/data \
    LOG_FORMAT=json
USER 10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
CMD ["python", "-m", "app", "serve", "--host", "0.0.0.0", "--port", "8000"]
