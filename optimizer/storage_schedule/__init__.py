"""Batteries behind one meter over a day: the schedule with the cheapest energy, apart from any dispatch problem."""

from optimizer.storage_schedule.schedule import StorageSchedule, schedule_storages
from optimizer.storage_schedule.site import StorageSite

__all__ = ["StorageSchedule", "StorageSite", "schedule_storages"]
