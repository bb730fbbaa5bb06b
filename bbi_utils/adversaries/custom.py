"""Adversaries from a user's own file: ``my_adversary.py:ClassName`` plays every game like the ones here."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.games.player import Adversary, SingleAdversary


def load_own(where: str) -> Callable[[], Adversary]:
    """The class at ``file.py:ClassName`` or ``module:ClassName``, once it has shown that it can play.

    The file is run as Python, like any import. Raises BadInput where there is no such file or class, where
    either fails, and where a member that the games call is missing or cannot be called as they do.
    """
    source, _, name = where.rpartition(":")
    if not source or not name:
        raise BadInput(f"own adversary {where!r}; expected file.py:ClassName or module:ClassName")
    path = paths.script(source)
    if path.suffix == ".py" and not path.is_file():
        raise BadInput(f"own adversary {where!r}: there is no file {source}; give its path")
    with _explained(f"own adversary {where!r}: {source} cannot be loaded"):
        module = _from_file(path) if path.suffix == ".py" else importlib.import_module(source)
    own = _class(module, name, source)
    with _explained(f"own adversary {where!r} cannot be made", "; its class must take no arguments"):
        made = own()
    _check(made, f"own adversary {where!r}")
    return own


@contextmanager
def _explained(what: str, way: str = "") -> Iterator[None]:
    """Whatever a user's code raises, as one line."""
    try:
        yield
    except Exception as error:
        found = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise BadInput(f"{what}: {found}{way}") from error


def _from_file(path: Path) -> ModuleType:
    name = f"own_adversary_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # a path that ends in .py always has both
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def _class(module: ModuleType, name: str, source: str) -> Any:
    found = getattr(module, name, None)
    if inspect.isclass(found):
        return found
    classes = inspect.getmembers(module, inspect.isclass)
    here = [key for key, kind in classes if kind.__module__ == module.__name__]
    raise BadInput(f"{source} has no class {name}; it has {', '.join(here) or 'none'}")


def _check(made: Any, who: str) -> None:
    """Raises BadInput unless the games can use this object."""
    name = getattr(made, "name", None)
    if not isinstance(name, str) or not name.strip():
        raise BadInput(f"{who} has the name {name!r}; give its class a line name = '...'")
    for member in ("fit", "score_pairs", "score"):
        call = getattr(made, member, None)
        if call is None and member == "score":  # which is optional
            continue
        _, *asked = inspect.signature(getattr(SingleAdversary, member)).parameters.values()
        arguments = [one.name for one in asked if one.kind is not one.KEYWORD_ONLY]
        named = {one.name: 0 for one in asked if one.kind is one.KEYWORD_ONLY}
        wanted = f"{member}({', '.join([*arguments, *(f'{key}={value}' for key, value in named.items())])})"
        if not callable(call):
            raise BadInput(f"{who} has no {wanted}; see bbi_utils.adversaries.Adversary")
        try:
            inspect.signature(call).bind(*arguments, **named)
        except TypeError as error:
            raise BadInput(f"{who} cannot be called as {wanted}: {error}") from None
