"""The embedded broker in a process of its own: ``python -m simulator.harness.broker_process --port N``.

Sessions are not kept over a restart; gateways and controller connect again and say what the other has not confirmed.
"""

import argparse
import asyncio
import contextlib
import signal

from vpp.infra.logs import set_up_logs
from vpp.infra.mqtt.embedded_broker import embedded_broker


def main() -> None:
    """Serves until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description="An MQTT broker on the loopback address, for demonstrations.")
    parser.add_argument("--port", type=int, required=True)
    set_up_logs()
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(serve_broker(parser.parse_args().port))


async def serve_broker(port: int) -> None:
    """Serves until cancelled or told to stop.

    Raises:
        BusError: the port is taken.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with embedded_broker(port=port):
        await stopped.wait()


if __name__ == "__main__":
    main()
