from pathlib import Path
from simulator.harness.bench_dispatch.plan import Options
from simulator.harness.bench_dispatch.table import measure_table
import json
t=measure_table(Options(sizes=(),storages=(20,100),repeat=3,peer_folder=Path('/tmp/fm-venv')),lambda s: print(s,flush=True))
for v in t.verdicts(): print(v.line())
json.dump(t.as_json(),open('/tmp/stor.json','w'))
