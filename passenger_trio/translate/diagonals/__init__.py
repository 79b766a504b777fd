"""Where client and model speak the same dialect: the body passes, and only what Copilot refuses is edited."""
