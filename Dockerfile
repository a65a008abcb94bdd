# CPU:    docker build -t detector .
# Ascend: docker build -t detector --build-arg FROM_IMAGE_NAME=IMAGE .    (IMAGE: one with CANN and Python 3.11; never run: README.md)
ARG FROM_IMAGE_NAME=python:3.11-slim-bookworm
FROM ${FROM_IMAGE_NAME}

RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        cmake g++ make libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev nlohmann-json3-dev libssl-dev \
    && rm -rf /var/lib/apt/lists/*

# The launch scripts use this environment as it is.
ENV VENV=/opt/venv PATH=/opt/venv/bin:${PATH}
WORKDIR /workspace
COPY requirements.txt requirements-deploy.txt ./
RUN python3.11 -m venv "${VENV}" && pip install --no-cache-dir -r requirements-deploy.txt
COPY . .
RUN bash ascend310_infer/build.sh
CMD ["bash"]
