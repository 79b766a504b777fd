"""Codex and Claude Code, the real programs, doing tasks against the simulator: ``nox -s agents``."""
