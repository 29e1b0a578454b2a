from importlib.metadata import version

from typer.testing import CliRunner

from vpp.cli.app import app


def test_version__is_the_distributions() -> None:
    result = CliRunner().invoke(app, ["--version"])

    assert result.exit_code == 0
    assert result.stdout.strip() == version("beichen-vpp")
