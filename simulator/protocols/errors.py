"""What can go wrong while devices are served.

DevicesError
├── StateError      the folder with the devices' memory is damaged, in use, or of other devices
├── MapError        a register map does not fit what the simulated devices have
└── PortError       a port cannot be listened on
"""


class DevicesError(Exception):
    """Base of all errors of the device process; the message is meant for whoever started it."""


class StateError(DevicesError):
    """The devices' memory on disk cannot be used."""


class MapError(DevicesError):
    """A register map cannot be served."""


class PortError(DevicesError):
    """A gateway's port cannot be listened on."""
