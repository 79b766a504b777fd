"""Upstream dialects: each file writes a hub call for one endpoint of Copilot, and cleans what comes back."""
