"""Every setting, from wherever it is said: flag, variable, file, default.

The defaults, with units and reasons, stand in ``conf/runner.toml``; their types in `sections`. This is
the only place that reads the ``RUNNER_*`` variables.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from runner.host.home import NoHome, expand_home
from runner.host.sections import Settings
from runner.model import store_url
from runner.model.errors import Invalid
from runner.model.store_url import StoreUrl, StoreUrlInvalid

PREFIX = "RUNNER_"
_FILE_VARIABLE = "RUNNER_CONFIG"
_FILE_NAME = "runner.toml"
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")

# What GitHub Actions sets on its machines; none of ours may be called so.
# Source: https://docs.github.com/en/actions/reference/workflows-and-actions/variables
TAKEN = frozenset(
    f"{PREFIX}{name}"
    for name in ("ARCH", "DEBUG", "ENVIRONMENT", "NAME", "OS", "PERFLOG", "TEMP", "TOOL_CACHE", "TRACKING_ID", "USER")
)


class SettingInvalid(Invalid):
    """A setting has an unknown name or a value that it cannot have; the message says where it was said."""


@dataclass(frozen=True, slots=True)
class Value:
    """A setting as it came out: its dotted name, its value, and who said so."""

    name: str
    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings, each one's origin, and ``RUNNER_*`` variables that mean nothing to us."""

    settings: Settings
    values: Sequence[Value]
    ignored: Sequence[str]


def load(flags: Mapping[str, object] | None = None, config: str | os.PathLike[str] | None = None) -> Settings:
    """Return the settings for this process; *flags* by dotted name, such as ``job.inject``.

    Raises:
        SettingInvalid: Some value or name is wrong.
    """
    return resolve(flags or {}, config, environ=os.environ, folder=Path.cwd()).settings


def resolve(
    flags: Mapping[str, object],
    config: str | os.PathLike[str] | None,
    *,
    environ: Mapping[str, str],
    folder: Path,
) -> Resolved:
    """Return the settings with their origins.

    Args:
        flags: Of the command line, by dotted name; only what was said.
        config: The file that the command line names.
        environ: The variables.
        folder: Where ``./runner.toml`` is looked for.

    Raises:
        SettingInvalid: Some value or name is wrong.
    """
    types = dict(_types(Settings))
    variables = {variable_of(name): name for name in types}
    said = {name: Value(name, value, "default") for name, value in _read(shipped_file()).items()}
    file = _find_file(config, environ, folder)
    if file is not None:
        said |= {name: Value(name, value, str(file)) for name, value in _read(file).items()}
    for variable, name in variables.items():
        if variable in environ:
            said[name] = Value(name, environ[variable], variable)
    said |= {
        name: Value(name, value, f"--{name.rpartition('.')[2].replace('_', '-')}") for name, value in flags.items()
    }
    for name, value in said.items():
        _check_name(value, types)
        said[name] = Value(name, _convert(value, types[name]), value.origin)
    store, hosts = said["store"], said["storage.hosts"]
    if not store.value:
        said["store"] = Value("store", str(_default_store(environ)), store.origin)
    elif store_url.looks_like_url(str(store.value)):
        try:
            said["store"] = Value("store", store_url.parse(str(store.value)), store.origin)
        except StoreUrlInvalid as exc:  # it repeats nothing that may be a password
            raise SettingInvalid(f"{store.origin}: {exc.message}", hint=exc.hint) from exc
    if not hosts.value:
        said["storage.hosts"] = Value("storage.hosts", str(_default_hosts(environ)), hosts.origin)
    values = {name: value.value for name, value in said.items()}
    ignored = [name for name in environ if name.startswith(PREFIX) and name not in {*variables, _FILE_VARIABLE}]
    return Resolved(_fill(Settings, values, ""), [said[name] for name in types], sorted(ignored))


def _default_store(environ: Mapping[str, str]) -> Path:
    try:
        return expand_home(environ.get("XDG_DATA_HOME") or "~/.local/share") / "runner"
    except NoHome as exc:
        raise SettingInvalid("no home folder is there to keep the store in", hint="say where: --store FOLDER") from exc


def _default_hosts(environ: Mapping[str, str]) -> Path:
    """Return where a host keeps what only it needs; a process without a home, as in containers, has /var/tmp."""
    with contextlib.suppress(NoHome):
        return expand_home(environ.get("XDG_STATE_HOME") or "~/.local/state") / "runner"
    return Path("/var/tmp") / f"runner-{os.getuid()}"  # noqa: S108  # made for its owner alone


def default_of(name: str) -> object:
    """Return what a setting is when nobody says anything, by its dotted name."""
    return _read(shipped_file())[name]


def variable_of(name: str) -> str:
    """Return the variable of a setting's dotted name."""
    return PREFIX + name.upper().replace(".", "_")


def shipped_file() -> Path:
    """Return the file of defaults: in an installed package inside it, in a checkout beside it."""
    package = Path(__file__).parents[1]
    installed = package / "conf" / _FILE_NAME
    return installed if installed.exists() else package.parent / "conf" / _FILE_NAME


def _find_file(config: str | os.PathLike[str] | None, environ: Mapping[str, str], folder: Path) -> Path | None:
    """Return the settings file; one that was named must be there."""
    named = config or environ.get(_FILE_VARIABLE)
    if named:
        file = expand_home(named)
        if not file.is_file():
            raise SettingInvalid(f"the settings file {file} is not there")
        return file
    places = [folder]
    with contextlib.suppress(NoHome):
        places.append(expand_home(environ.get("XDG_CONFIG_HOME") or "~/.config") / "runner")
    return next((file for place in places if (file := place / _FILE_NAME).is_file()), None)


def _read(file: Path) -> dict[str, object]:
    """Return the settings of a file by dotted name."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise SettingInvalid(f"the settings file {file} cannot be read: {exc}") from exc
    flat: dict[str, object] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": item for inner, item in value.items()}
        else:
            flat[name] = value
    return flat


def _types(settings: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting's dotted name and type."""
    hints = get_type_hints(settings)
    for field in fields(settings):
        if is_dataclass(hints[field.name]):
            yield from _types(hints[field.name], f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", hints[field.name]


def _fill(settings: type, values: Mapping[str, object], prefix: str) -> Any:
    """Build the dataclass *settings* from values by dotted name."""
    hints = get_type_hints(settings)
    return settings(
        **{
            field.name: _fill(hints[field.name], values, f"{prefix}{field.name}.")
            if is_dataclass(hints[field.name])
            else _as_path(values[f"{prefix}{field.name}"], hints[field.name])
            for field in fields(settings)
        }
    )


def _as_path(value: object, wanted: Any) -> object:
    """Turn text into a path where one is wanted; empty text into None where that is allowed."""
    if isinstance(value, StoreUrl):
        return value
    if wanted is Path or Path in get_args(wanted):
        return expand_home(str(value)) if value else None
    return value


def _check_name(value: Value, types: Mapping[str, object]) -> None:
    if value.name not in types:
        near = difflib.get_close_matches(value.name, types, 1)
        hint = f"did you mean {near[0]}?" if near else "`runner config show` lists them all"
        raise SettingInvalid(f"{value.origin}: there is no setting {value.name}", hint=hint)


def _convert(value: Value, wanted: Any) -> object:
    """Return the value in its type, from TOML, a variable or a flag."""
    given = value.value
    result: object = None
    if get_origin(wanted) is Literal:
        result = given if given in get_args(wanted) else None
    elif wanted is bool:
        word = str(given).lower()
        result = True if word in _TRUE else False if word in _FALSE else None
    elif wanted in (int, float):
        result = _number(given, wanted)
    elif get_origin(wanted) is tuple:
        result = _words(given)
    elif isinstance(given, (str, os.PathLike)) and not (wanted is Path and "://" in str(given)):
        result = os.fspath(given)
    if result is None:
        raise SettingInvalid(f"{value.origin}: {value.name} cannot be {given!r}", hint=f"give {_describe(wanted)}")
    return result


def _number(given: object, wanted: type[int | float]) -> float | None:
    """Return a number that is not negative."""
    if isinstance(given, bool) or not isinstance(given, (int, float, str)):
        return None
    try:
        number = wanted(given)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") and (isinstance(given, str) or number == given) else None


def _words(given: object) -> tuple[str, ...] | None:
    if isinstance(given, str):
        return tuple(word.strip() for word in given.split(",") if word.strip())
    if isinstance(given, (list, tuple)) and all(isinstance(word, str) for word in given):
        return tuple(given)
    return None


def _describe(wanted: Any) -> str:
    """Say what a setting of a type can be."""
    if get_origin(wanted) is Literal:
        return " or ".join(get_args(wanted))
    if get_origin(wanted) is tuple:
        return "a list of words"
    words = {bool: "true or false", int: "a whole number", float: "a number", Path: "a folder on this machine"}
    return words.get(wanted, "text")
