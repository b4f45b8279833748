"""``python -m coatcheck.jwt.help``: what to write into a bug report. No option and no key is looked at."""

from __future__ import annotations

import json
import platform
from importlib import metadata

__all__ = ["info", "main"]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def info() -> dict[str, dict[str, str]]:
    """Versions, in PyJWT's form. ``pyjwt`` is the version whose interface this is."""
    from coatcheck.jwt import __version__

    return {
        "platform": {"system": platform.system(), "release": platform.release()},
        "implementation": {"name": platform.python_implementation(), "version": platform.python_version()},
        "cryptography": {"version": _version("cryptography")},
        "pyjwt": {"version": __version__},
        "coatcheck": {"version": _version("coatcheck")},
    }


def main() -> None:
    print(json.dumps(info(), sort_keys=True, indent=2))


if __name__ == "__main__":
    main()
