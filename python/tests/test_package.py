"""The package as it is installed: stubs, exported symbols, errors, types."""

from __future__ import annotations

import pathlib
import pickle
import re
import subprocess
import sys

import coatcheck
import pytest
from coatcheck import _core
from conftest import ROOT


def test_stubs_match_the_extension() -> None:
    options = {
        "--mypy-config-file": ROOT / "pyproject.toml",
        "--allowlist": ROOT / "python" / "tests" / "stubtest_allowlist.txt",
    }
    arguments = [str(word) for option in options.items() for word in option]
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "coatcheck._core", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_extension_exports_its_entry_point_alone() -> None:
    # Else its OpenSSL and the one of Python's ssl module would replace parts of each other.
    done = subprocess.run(
        ["nm", "-D", "--defined-only", _core.__file__], capture_output=True, text=True, check=True, timeout=60
    )
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["PyInit__core"]


def test_every_code_of_the_core_has_a_class() -> None:
    header = (ROOT / "core" / "include" / "coatcheck" / "error.hpp").read_text()
    rows = re.findall(r'X\(\w+, "(ERR_\w+)", (\w+)\)', header)
    table = _core.error_codes()
    assert {code for code, _ in rows} == set(table)
    bases = {
        "config": coatcheck.ConfigError,
        "usage": coatcheck.UsageError,
        "payload": coatcheck.PayloadError,
        "store": coatcheck.StoreError,
        "session": coatcheck.SessionError,
        "token": coatcheck.TokenError,
        "internal": coatcheck.InternalError,
    }
    for code, kind in rows:
        assert issubclass(table[code], bases[kind])
        assert issubclass(table[code], coatcheck.Error)
    assert table["ERR_STORE_TIMEOUT"] is coatcheck.StoreTimeout
    assert table["ERR_SESSION_CONFLICT"] is coatcheck.SessionConflict
    assert table["ERR_SESSION_GONE"] is coatcheck.SessionGone


@pytest.mark.parametrize("kind", sorted(set(_core.error_codes().values()), key=lambda kind: kind.__name__))
def test_errors_print_and_pickle(kind: type[coatcheck.Error]) -> None:
    error = kind("what went wrong", "ERR_X")
    assert str(error) == "what went wrong"
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), str(copied), copied.code) == (kind, "what went wrong", "ERR_X")


def test_version_is_the_projects() -> None:
    found = re.search(r"project\(coatcheck VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())
    assert found is not None
    assert coatcheck.__version__ == found[1]


def test_package_is_typed() -> None:
    assert (pathlib.Path(coatcheck.__file__).parent / "py.typed").exists()


def test_import_needs_no_framework() -> None:
    code = "import sys, coatcheck; assert not {'flask', 'starlette', 'werkzeug'} & set(sys.modules)"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


def test_wrong_arguments_are_type_errors() -> None:
    engine = _core.Engine(secrets="x" * 32, store="memory:wrong-arguments")
    handle = engine.open(None, False)
    calls = [
        lambda: _core.Engine(secrets=5, store="memory:"),
        lambda: _core.Engine(secrets="x" * 32, store="memory:", nonsense=1),
        lambda: _core.Engine(secrets="x" * 32, store="memory:", max_age="long"),
        lambda: engine.open(5, False),  # type: ignore[arg-type]
        lambda: engine.open(None),  # type: ignore[call-arg]
        lambda: engine.commit(None, "{}", 0, None),  # type: ignore[arg-type]
        lambda: engine.commit(handle, 5, 0, None),  # type: ignore[arg-type]
        lambda: engine.commit(handle, "{}", "x", None),  # type: ignore[arg-type]
        lambda: engine.destroy(None, False),  # type: ignore[arg-type]
        lambda: _core.Handle(),
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()


def test_no_secret_in_any_message_of_the_engine() -> None:
    secret = "the secret that must not be seen!"
    for options in (
        {"store": "nonsense:"},
        {"store": "memory:", "same_site": "x"},
        {"nonsense": 1, "store": "memory:"},
    ):
        with pytest.raises((coatcheck.ConfigError, TypeError)) as caught:
            _core.Engine(secrets=secret, **options)
        assert secret not in str(caught.value)
