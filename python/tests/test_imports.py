"""The module loaded again, reloaded, and in a sub-interpreter (mod_wsgi's default)."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

# As mod_wsgi makes them: with the GIL of all.
SUBINTERPRETER = """
    import sys
    try:
        import _interpreters as interpreters
        made = interpreters.create("legacy")
    except ImportError:
        import _xxsubinterpreters as interpreters
        made = interpreters.create(isolated=False)
    source = "import sys; sys.path[:] = %r\\ntry:\\n  import coatcheck\\n"
    source += "except ImportError as error:\\n  print(repr(error))"
    interpreters.run_string(made, source % sys.path)
    interpreters.destroy(made)
"""


def run(source: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("first", ["", "import coatcheck"])
def test_a_sub_interpreter_is_told_what_to_do(first: str) -> None:
    """It waited for ever, in PyGILState_Ensure."""
    out = run(f"{first}\n{textwrap.dedent(SUBINTERPRETER)}")
    assert out.startswith("ImportError(")
    assert "WSGIApplicationGroup %{GLOBAL}" in out


AGAIN = """
    import importlib, sys
    import coatcheck

    def check(now):
        try:
            now.Store("nowhere:")
        except now.ConfigError as error:
            assert type(error) is now.ConfigError and error.code == "ERR_INVALID_URL", error
        else:
            raise SystemExit("opened")

    check(coatcheck)
"""


@pytest.mark.parametrize(
    "again",
    [
        "importlib.reload(coatcheck.errors); importlib.reload(coatcheck)",
        "for name in [name for name in sys.modules if name.startswith('coatcheck')]: del sys.modules[name]",
        "del sys.modules['coatcheck.errors'], sys.modules['coatcheck']",
    ],
)
def test_the_errors_that_are_raised_are_those_of_the_module_that_is_there(again: str) -> None:
    run(textwrap.dedent(AGAIN) + f"{again}\nimport coatcheck\ncheck(coatcheck)\n")


def test_an_error_without_the_module_is_the_one_that_was_loaded() -> None:
    run(textwrap.dedent(AGAIN) + "sys.modules.clear()\ncheck(coatcheck)\n")
