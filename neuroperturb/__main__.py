"""`python -m neuroperturb`: the command line, where its script is not on the path."""

from neuroperturb.cli.app import main

if __name__ == "__main__":
    main()
