"""``python -m earmark`` is the command ``earmark``."""

from earmark.cli.main import main

main()
