"""Application specifications in YAML and JSON files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import yaml

from yarnhub.base.errors import SpecError
from yarnhub.base.files import read_limited, write_private
from yarnhub.base.foreign_text import quoted
from yarnhub.client.submit.yaml_document import parse_yaml
from yarnhub.spec import ApplicationSpec, File
from yarnhub.spec.sources import local_path, map_files

T = TypeVar("T")

MAX_BYTES = 8 << 20
"""The limit of a document: it contains scripts, but no data."""
_FORMATS = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}


def read_spec_file(path: str | Path) -> ApplicationSpec:
    """Read a specification; the suffix selects the format: .yaml, .yml or .json.

    Relative sources of files start from the specification's folder.

    Raises:
        SpecError: It is not a valid specification, or names a local file that does not exist.
        OSError: It cannot be read.
    """
    path = Path(path)
    spec = ApplicationSpec.from_dict(read_document(path))
    return resolve_sources(spec, path.absolute().parent)


def resolve_sources(part: T, folder: Path) -> T:
    """Turn sources without a scheme into file:// URLs, those that are relative against `folder`.

    Args:
        part: A specification or a part of one.
        folder: The folder from which relative sources start.

    Raises:
        SpecError: A local file does not exist.
    """

    def resolved(key: str, file: File) -> File:
        path = local_path(file, folder)
        if path is None:
            return file
        if not path.exists():
            raise SpecError(f"{key}.source".lstrip("."), f"file '{path}' does not exist")
        return replace(file, source=f"file://{path}")

    return map_files(part, resolved)


def read_document(path: Path, form: str = "infer") -> object:
    """Read a file and parse the document in it; arguments as for `document_format`.

    Raises:
        SpecError: It is not a document of this format.
        OSError: It cannot be read.
    """
    form = document_format(path, form)
    return parse_document(read_limited(path, MAX_BYTES), form)


def write_document(path: Path, document: object, form: str = "infer", *, private: bool) -> None:
    """Write a file that `read_document` reads.

    Args:
        path: The file, which is replaced.
        document: Its content.
        form: See `document_format`.
        private: Whether only the user may read the file.

    Raises:
        SpecError: The format or the suffix is unknown.
        OSError: It cannot be written.
    """
    text = format_document(document, document_format(path, form))
    if private:
        write_private(path, text.encode())
    else:
        path.write_text(text, encoding="utf-8")


def format_document(document: object, form: str) -> str:
    """The text of a document.

    Args:
        document: Its content.
        form: `json`, or else it is YAML.
    """
    if form == "json":
        return json.dumps(document)
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=False)


def document_format(path: Path, form: str = "infer") -> str:
    """The format of a document's file.

    Args:
        path: The file.
        form: `json` or `yaml`; `infer` takes it from the suffix.

    Raises:
        SpecError: The format or the suffix is unknown.
    """
    chosen = form.lower()
    if chosen == "infer":
        chosen = _FORMATS.get(path.suffix.lower(), "")
        if not chosen:
            raise SpecError("", f"unknown suffix {path.suffix!r}: use .yaml, .yml or .json")
    if chosen not in _FORMATS.values():
        raise SpecError("", f"unknown format {form!r}: use 'json', 'yaml' or 'infer'")
    return chosen


def parse_document(content: bytes | str, form: str) -> object:
    """Parse a document.

    Args:
        content: Text, or bytes in UTF-8.
        form: `json`, or else it is YAML.

    Raises:
        SpecError: It is not a document of this format.
    """
    if isinstance(content, str):
        # What is not Unicode is reported with its place, as in bytes.
        content = content.encode(errors="surrogatepass")
    if len(content) > MAX_BYTES:
        raise SpecError("", f"has more than {MAX_BYTES} bytes")
    parse = _parse_json if form == "json" else parse_yaml
    try:
        return parse(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except SpecError:
        raise
    except UnicodeDecodeError as error:
        raise SpecError("", f"is not UTF-8: {error.reason} at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise SpecError("", f"{_position(error.lineno, error.colno)}: {error.msg}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{_position(mark.line + 1, mark.column + 1)}: " if mark else ""
        raise SpecError("", f"{where}{error.problem or error.context}") from error
    except RecursionError as error:
        raise SpecError("", "is nested too deep") from error
    except (yaml.YAMLError, ValueError) as error:
        # A character that YAML forbids; or for example an invalid date.
        raise SpecError("", " ".join(str(error).split())[:500]) from error


def _position(line: int, column: int) -> str:
    return f"line {line}, column {column}"


def _parse_json(text: str) -> object:
    return json.loads(text, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    unique: dict[str, object] = {}
    for key, value in pairs:
        if key in unique:
            raise SpecError("", f"the key {quoted(key)} is given twice")
        unique[key] = value
    return unique
