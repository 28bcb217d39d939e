# minirelay in a container: docs/docker.md says how it is run.
#
#   docker build -t minirelay .
#   docker buildx build --platform linux/arm64,linux/amd64 -t minirelay .     (for other machines as well)
#
# Everything that is installed has wheels for amd64 and arm64, so nothing is compiled.

FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY docs ./docs
COPY contrib ./contrib
COPY minirelay ./minirelay
ARG EXTRAS=fast
RUN python -m venv /opt/minirelay && /opt/minirelay/bin/pip install --no-cache-dir ".[$EXTRAS]"

FROM python:3.13-slim
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/minirelay --shell /usr/sbin/nologin minirelay && install -d -o minirelay -g minirelay -m 0700 /var/lib/minirelay
COPY --from=build /opt/minirelay /opt/minirelay
ENV PATH=/opt/minirelay/bin:$PATH MINIRELAY_LISTEN_HOST=0.0.0.0
USER minirelay
VOLUME /var/lib/minirelay
EXPOSE 4444
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=2m --retries=3 CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:4444/health', timeout=4)"]
ENTRYPOINT ["minirelay"]
CMD ["serve"]
