"""``python -m vpp``: the same as the ``vpp`` command."""

from vpp.cli.app import app

app()
