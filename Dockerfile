# What `make image` does step by step without Docker: keep the two alike.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /app checkout && mkdir -p /app/data && chown checkout /app/data
WORKDIR /app
COPY --from=build /venv /venv
COPY offers.toml ./
COPY atmos/ atmos/
COPY bot/ bot/
COPY handlers/ handlers/
COPY locales/ locales/
COPY migrations/ migrations/
ENV PATH="/venv/bin:$PATH" PYTHONUNBUFFERED=1 WEB_PORT=8080 HEALTH_PORT=8081
USER 10001
VOLUME /app/data
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8081/healthz', timeout=4)"]
CMD ["python", "-m", "bot", "run"]
