"""This side: HTTP for clients. The only part of the house (beside the simulator) that knows Quart and Hypercorn."""
