"""``python -m voxgate``: the same as the command ``voxgate``."""

from voxgate.cli import main

if __name__ == "__main__":
    main()
