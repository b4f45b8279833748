"""Makes tests/processes.py importable from the suites below."""
