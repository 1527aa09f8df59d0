# All tasks; `just check` is what CI begins with.

export PATH := justfile_directory() / ".venv/bin:" + env("PATH")

default:
    @just --list

# Install everything into .venv.
setup:
    uv sync --all-extras

# Lint, format, types, import contracts, documentation.
check:
    .venv/bin/python scripts/check.py check

# All of `check` and the tests that need no cluster.
fast:
    .venv/bin/python scripts/check.py fast

# Everything, as in CI.
test:
    ./test

# Tests that match, against a cluster that stays up: just try tests/skein.
try *arguments:
    .venv/bin/yarnhub cluster start --name test --native
    YARNHUB_TEST_CLUSTER_STATE="$(.venv/bin/yarnhub cluster env --name test | sed -n 's,^export HADOOP_CONF_DIR=\(.*\)/conf,\1,p')" \
        .venv/bin/python -m pytest {{arguments}}

# Put the sources into shape.
format:
    .venv/bin/ruff check --fix .
    .venv/bin/ruff format .

# The documentation as HTML, in docs/_build/html.
docs:
    .venv/bin/sphinx-build -W -b html docs docs/_build/html
