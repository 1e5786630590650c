# Stands for apache/airflow where no registry can be asked: the same release, user and places, all of it by hash.
ARG BASE=python:3.13-slim-trixie

FROM ${BASE}
RUN python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 AIRFLOW_HOME=/opt/airflow
COPY ci/cluster/airflow.lock /tmp/airflow.lock
# compiled by the image that is built on it
RUN pip install --quiet --require-hashes --no-deps --no-compile -r /tmp/airflow.lock \
 && useradd --uid 50000 --gid 0 --create-home airflow \
 && mkdir /opt/airflow && chown 50000:0 /opt/airflow
WORKDIR /opt/airflow
USER 50000
