"""A store opened for reading: reports and statements of what has happened, without a controller."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

from vpp.bootstrap.parts import StoreUrls, store_urls
from vpp.config import ServeConfig
from vpp.domain.control import ControlSettings
from vpp.infra.clock import SystemClock
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.store.archive import SqlMeterArchive, open_archive, read_archive
from vpp.infra.store.folder import StoreFolder
from vpp.infra.store.ledger import SqlLedger, open_ledger, read_ledger
from vpp.services.intake import Intake, ReferencePeak
from vpp.services.measuring import Measuring
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry
from vpp.services.settling import Settling
from vpp.services.views import Views


class Records:
    """Reports, statements and the course of events out of a store; ``recorder.replay`` comes first."""

    def __init__(
        self, folder: StoreFolder, ledger: SqlLedger, archive: SqlMeterArchive, settings: ControlSettings
    ) -> None:
        """Reads who was registered and by which programmes.

        Args:
            folder: Registered fleet, programmes, flow forecast.
            ledger: What happened.
            archive: What was metered.
            settings: Of the controller whose store it is.

        Raises:
            ConfigError: a file of the folder is missing or damaged.
        """
        metrics, clock = MemoryMetrics(), SystemClock()
        self.ledger = ledger
        self.recorder = Recorder(ledger, metrics)
        registry = Registry(folder.fleet(), metrics, network=lambda: self.recorder.book.network)
        # Nothing is declared here, so that no peak is needed.
        intake = Intake(self.recorder, registry, folder.programs(), ReferencePeak(0.0, "", date.min), clock)
        self.settling = Settling(
            self.recorder,
            registry,
            intake,
            Measuring(self.recorder, archive),
            clock=clock,
            recovery_intervals=settings.recovery_intervals,
        )
        self.views = Views(self.recorder, registry, self.settling, folder.network(), settings)


@contextmanager
def records_of_folder(path: Path) -> Iterator[Records]:
    """What a run has left in its store folder; databases of an older version are brought up to date.

    Raises:
        ConfigError: no store lies there.
        StoreError: a database cannot be opened.
    """
    folder = StoreFolder(path)
    folder.require()
    urls = StoreUrls(folder.ledger_url, folder.archive_url, folder.access_url)
    with _opened(urls, open_ledger, open_archive) as (ledger, archive):
        yield Records(folder, ledger, archive, ControlSettings())


@contextmanager
def records_of_config(config: ServeConfig) -> Iterator[Records]:
    """What the controller with these settings keeps, wherever it keeps it; nothing is written, so it may be running.

    Raises:
        ConfigError: set-up files or secrets cannot be used.
        StoreError: a database cannot be read, or has the schema of another version of the program.
    """
    with _opened(store_urls(config.store), read_ledger, read_archive) as (ledger, archive):
        yield Records(StoreFolder(config.store.folder), ledger, archive, config.control.settings())


@contextmanager
def _opened(
    urls: StoreUrls, ledger_at: Callable[[str], SqlLedger], archive_at: Callable[[str], SqlMeterArchive]
) -> Iterator[tuple[SqlLedger, SqlMeterArchive]]:
    with closing(ledger_at(urls.ledger)) as ledger, closing(archive_at(urls.archive)) as archive:
        yield ledger, archive
