"""``python -m passenger_trio``."""

from passenger_trio.cli import main

if __name__ == "__main__":
    main()
