"""`python -m minirelay` is `minirelay`."""

from minirelay.cli.main import main

if __name__ == "__main__":
    main()
