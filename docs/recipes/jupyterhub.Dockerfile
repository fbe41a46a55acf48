# An image for JupyterHub (DockerSpawner, KubeSpawner, Zero to JupyterHub): the course, set up, for every user.
# Build it in the folder of the course: docker build -f docs/recipes/jupyterhub.Dockerfile -t course . By .dockerignore it
# holds the course alone, and nothing of a class that lies beside it. Not tried yet.
FROM python:3.12-slim
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends bubblewrap git make \
    && rm -rf /var/lib/apt/lists/*
COPY . /opt/course
RUN make -C /opt/course setup && /opt/course/.venv/bin/python -m pip install --no-cache-dir "jupyterhub>=5"
RUN useradd --create-home --uid 1000 student
USER student
WORKDIR /home/student
ENV PATH=/opt/course/.venv/bin:$PATH
CMD ["sh", "-c", "course copy my-course && exec jupyterhub-singleuser"]
