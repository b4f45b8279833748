"""The README's snippets, taken from the page as they stand: the four services, run together on one store, and tokens.

The only change is the port: the README says 3000, and a test must not assume that it is free.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from processes import free_port, running

ROOT = Path(__file__).parent.parent.parent
SECRET = "readme tests, a secret of more than 32 bytes"
STACKS = ["express", "flask", "fastapi", "cpp"]
HEADINGS = {"express": "Express", "flask": "Flask", "fastapi": "FastAPI", "cpp": "C++"}
CMAKE = """
cmake_minimum_required(VERSION 3.25)
project(readme LANGUAGES CXX)
find_package(coatcheck REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
add_executable(readme readme.cc)
target_link_libraries(readme PRIVATE coatcheck::coatcheck PkgConfig::HTTPLIB)
add_executable(tokens tokens.cc)
target_link_libraries(tokens PRIVATE coatcheck::coatcheck)
"""


def snippet(stack: str) -> str:
    """The first code block under the stack's heading."""
    page = (ROOT / "README.md").read_text()
    found = re.search(rf"^### {re.escape(HEADINGS[stack])}\n.*?^```\w+\n(.*?)^```$", page, re.M | re.S)
    assert found, f"README.md has no snippet for {stack}"
    return found[1]


def token_snippet(language: str) -> str:
    """The code block of this language in the section on tokens."""
    page = (ROOT / "README.md").read_text()
    found = re.search(rf"^## Tokens\n(?:(?!^## ).)*?^```{language}\n(.*?)^```$", page, re.M | re.S)
    assert found, f"README.md has no tokens in {language}"
    return found[1]


def with_port(text: str, port: int) -> str:
    assert text.count("3000") == 1
    return text.replace("3000", str(port))


def prepare(stack: str, folder: Path, port: int) -> list[str]:
    """Writes the snippet down, builds it if need be, and returns the command that runs it."""
    text = snippet(stack)
    if stack == "express":
        modules = folder / "node_modules"
        modules.mkdir()
        (modules / "coatcheck").symlink_to(ROOT / "node")
        (modules / "express").symlink_to(ROOT / "node/node_modules/express")
        (folder / "readme.js").write_text(with_port(text, port))
        (folder / "tokens.js").write_text(token_snippet("js"))
        return ["node", "readme.js"]
    if stack == "cpp":
        (folder / "readme.cc").write_text(with_port(text, port))
        (folder / "tokens.cc").write_text(token_snippet("cpp"))
        (folder / "CMakeLists.txt").write_text(CMAKE)
        prefix = folder / "prefix"
        run(["cmake", "--install", str(ROOT / "build/release"), "--prefix", str(prefix)], folder)
        run(["cmake", "-G", "Ninja", "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={prefix}"], folder)
        run(["cmake", "--build", "build"], folder)
        return ["build/readme"]
    (folder / f"readme_{stack}.py").write_text(text)
    (folder / "tokens.py").write_text(token_snippet("python"))
    if stack == "flask":
        return [sys.executable, "-m", "flask", "--app", "readme_flask", "run", "--port", str(port)]
    return [sys.executable, "-m", "uvicorn", "readme_fastapi:app", "--port", str(port)]


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


class Browser:
    """One cookie jar for all four, as a browser has: ports do not part cookies."""

    def __init__(self, ports: dict[str, int]) -> None:
        self.ports = ports
        self.client = httpx.Client(timeout=20)

    def get(self, stack: str) -> dict[str, object]:
        return self._answer(self.client.get(f"http://127.0.0.1:{self.ports[stack]}/visits"))

    def post(self, stack: str, path: str, body: object) -> dict[str, object]:
        return self._answer(self.client.post(f"http://127.0.0.1:{self.ports[stack]}{path}", json=body))

    @property
    def session_cookie(self) -> str | None:
        return self.client.cookies.get("session")

    @staticmethod
    def _answer(response: httpx.Response) -> dict[str, object]:
        assert response.status_code == 200, response.text[-2000:]
        answer: dict[str, object] = response.json()
        return answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readme")


@pytest.fixture(scope="module")
def ports(folder: Path) -> Iterator[dict[str, int]]:
    found: dict[str, int] = {}
    with ExitStack() as stack:
        for name in STACKS:
            found[name] = free_port()
            command = prepare(name, folder, found[name])
            environment = {"COATCHECK_SECRET": SECRET, "COATCHECK_STORE": "", "PYTHONPATH": str(folder)}
            stack.enter_context(running(name, command, found[name], folder, environment))
        yield found


@pytest.fixture
def browser(ports: dict[str, int]) -> Iterator[Browser]:
    made = Browser(ports)
    with made.client:
        yield made


def test_a_visit_counts_everywhere(browser: Browser) -> None:
    for index, stack in enumerate(STACKS):
        assert browser.get(stack) == {"visits": index + 1, "user": None}


@pytest.mark.parametrize("stack", STACKS)
def test_login_is_login_in_all_and_logout_is_logout_in_all(browser: Browser, stack: str) -> None:
    browser.get(stack)
    before = browser.session_cookie
    browser.post(stack, "/login", {"user": "ada"})
    assert browser.session_cookie != before
    for count, other in enumerate(STACKS, start=2):
        assert browser.get(other) == {"visits": count, "user": "ada"}

    other = STACKS[(STACKS.index(stack) + 1) % len(STACKS)]
    old = browser.session_cookie
    browser.post(other, "/logout", {})
    assert browser.session_cookie is None
    assert old is not None
    browser.client.cookies.set("session", old, domain="127.0.0.1")
    assert browser.get(stack)["user"] is None


@pytest.mark.usefixtures("ports")
@pytest.mark.parametrize(
    "command", [["node", "tokens.js"], [sys.executable, "tokens.py"], ["build/tokens"]], ids=["js", "python", "cpp"]
)
def test_tokens(folder: Path, command: list[str]) -> None:
    """Each signs and verifies an access token, and uses a refresh token; on the services' own store."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "COATCHECK_SECRET": SECRET},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "u7\nu7\n"), done.stderr[-2000:]
