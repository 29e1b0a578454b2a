import json
import sys
import time

import numpy as np

from optimizer.storage_schedule import *


def site(case):
    g = lambda k: np.array([s[k] for s in case["storages"]])
    return StorageSite(
        *map(g, ["power_max_kw", "capacity_kwh", "soc_kwh", "soc_min_kwh", "soc_end_kwh", "efficiency"]),
        *(np.array(case[k]) for k in ("load_kw", "buy_cny_per_kwh", "sell_cny_per_kwh")),
        case["import_limit_kw"],
        case["export_limit_kw"],
    )


for f in sys.argv[1:]:
    s = site(json.load(open(f)))
    for _ in range(3):
        t = time.perf_counter()
        r = schedule_storages(s)
        w = time.perf_counter() - t
        print(f, w, r.source, r.cost_cny, r.bound_cny, r.exclusive)
