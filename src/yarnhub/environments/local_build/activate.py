"""The script `bin/activate` of an environment. No I/O."""

from __future__ import annotations

_BEGIN = """\
# Source this file in bash or zsh: it puts the programs of this environment on the PATH.
if [ -n "${BASH_VERSION:-}" ]; then
    _environment=${BASH_SOURCE[0]}
elif [ -n "${ZSH_VERSION:-}" ]; then
    eval '_environment=${(%):-%x}'
else
    echo "activate: use bash or zsh" >&2
    return 1
fi
case $_environment in
    */*) _environment=${_environment%/*}/.. ;;
    *) _environment=.. ;;
esac
_environment=$(CDPATH= cd -- "$_environment" && pwd -P) || return 1
_environment_path=$PATH
export PATH="$_environment/bin:$PATH"
"""
_CONDA = """\
# Like conda's own: programs find their files by these variables.
export CONDA_PREFIX="$_environment"
if [ -z "${SSL_CERT_FILE:-}" ] && [ -f "$_environment/ssl/cacert.pem" ]; then
    export SSL_CERT_FILE="$_environment/ssl/cacert.pem"
fi
if [ -d "$_environment/lib/R" ]; then
    export RHOME="$_environment/lib/R"  # of Rscript
fi
if [ -d "$_environment/etc/conda/activate.d" ]; then
    for _environment_script in "$_environment"/etc/conda/activate.d/*.sh; do
        [ ! -f "$_environment_script" ] || . "$_environment_script"
    done
    unset _environment_script
fi
"""
_DEACTIVATE = """\
unset _environment PYTHONHOME
hash -r 2>/dev/null
deactivate() {
"""
_CONDA_DEACTIVATE = """\
    unset CONDA_PREFIX RHOME
"""
_END = """\
    export PATH="$_environment_path"
    unset _environment_path
    unset -f deactivate
    hash -r 2>/dev/null
}
"""


def activate_script(*, conda: bool) -> str:
    """The script, for bash and zsh.

    Args:
        conda: Whether the environment has conda packages, whose own scripts it runs then.
    """
    if conda:
        return f"{_BEGIN}{_CONDA}{_DEACTIVATE}{_CONDA_DEACTIVATE}{_END}"
    return f"{_BEGIN}{_DEACTIVATE}{_END}"
