# One image for every process of the service; docker-compose.yml says which one runs.
FROM python:3.11-slim AS build
WORKDIR /build
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY selfright selfright
COPY simulator simulator
COPY serving serving
COPY models models
COPY controller controller
COPY playbooks playbooks
RUN pip install --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home selfright \
    && install -d -o selfright -g selfright /var/lib/selfright
COPY --from=build /opt/venv /opt/venv
COPY playbooks /app/playbooks
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
USER selfright
WORKDIR /home/selfright
VOLUME /var/lib/selfright
CMD ["selfright", "--help"]
