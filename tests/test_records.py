"""Records look like frozen data classes to everybody who asks, and cost an import next to nothing."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys

import pytest
from headroom import CompressConfig, CompressResult, Decision


def test_an_import_brings_no_introspection() -> None:
    code = "import sys; before = set(sys.modules); import headroom; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    if done.returncode:  # without `site`, the package has to be found another way
        code = f"import sys; sys.path[:] = {sys.path!r}; " + code
        done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    brought = set(done.stdout.split())
    assert "headroom.compression" in brought
    assert not brought & {"dataclasses", "inspect", "typing", "re", "functools", "collections"}


def test_arguments_are_checked_as_pythons_own_are() -> None:
    assert Decision(0, "kept", "why", (), 5, 5).blocks == ()
    with pytest.raises(TypeError, match="unexpected keyword argument 'lvl'"):
        CompressConfig(lvl="lossless")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'tokens_after'"):
        Decision(0, "kept", "why", (), 5)  # type: ignore[call-arg]
    assert list(inspect.signature(CompressConfig).parameters)[:2] == ["level", "target_ratio"]
    assert inspect.signature(CompressConfig).parameters["level"].default == "balanced"


def test_frozen_equal_hashable_and_shown() -> None:
    config = CompressConfig(level="lossless", retrieval_key=b"secret")
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.level = "balanced"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del config.level
    assert config == CompressConfig(level="lossless", retrieval_key=b"secret") != CompressConfig()
    assert config != "lossless"
    assert hash(config) == hash(CompressConfig(level="lossless", retrieval_key=b"secret"))
    assert repr(config).startswith("CompressConfig(level='lossless', target_ratio=None, min_tokens=0")
    assert "secret" not in repr(config)
    assert copy.deepcopy(config) == pickle.loads(pickle.dumps(config)) == config


def test_defaults_are_made_anew() -> None:
    one, other = CompressResult([], 0, 0), CompressResult([], 0, 0)
    one.originals["hash"] = "text"
    assert other.originals == {}
    assert one.omitted == []
    assert one.omitted is one.omitted


def test_the_standard_library_takes_them() -> None:
    config = CompressConfig(query="why?")
    assert dataclasses.is_dataclass(config)
    assert dataclasses.replace(config, level="aggressive") == CompressConfig(query="why?", level="aggressive")
    assert next(f.name for f in dataclasses.fields(CompressConfig)) == "level"
    assert {f.name for f in dataclasses.fields(config) if not f.repr} == {"retrieval_key", "store", "policy"}
    decision = Decision(0, "kept", "why", (), 5, 5)
    assert dataclasses.asdict(decision)["tokens_before"] == 5
    match decision:
        case Decision(message, "kept"):
            assert message == 0
        case _:
            pytest.fail("no match")
