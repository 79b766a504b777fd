"""Client dialects: each file turns one into a hub call, and hub answers into it."""
