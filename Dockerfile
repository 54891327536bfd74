# fdkd on NVIDIA GPUs; docs/command.md shows how it is run.
ARG BASE=pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime
FROM ${BASE}

# OpenCV's window functions link to these, although nothing here opens a window.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

COPY . /src
RUN pip install --no-cache-dir --break-system-packages '/src[optional,export]' && rm -rf /src

# Whatever user the container runs as finds a home for the caches of matplotlib and Hugging Face.
RUN useradd --create-home fdkd && chmod 1777 /home/fdkd
ENV HOME=/home/fdkd
USER fdkd
WORKDIR /workspace
ENTRYPOINT ["fdkd"]
CMD ["--help"]
