"""Says which SDK an interpreter has: a line for its version, then a line for what is wrong, if anything is."""

import sys

NEEDED = ("guard", "report_metric", "report_progress", "start_heartbeat", "wait_until_active")

print(".".join(map(str, sys.version_info[:3])))
try:
    import axme

    mesh = getattr(axme, "MeshClient", None)
    missing = [name for name in NEEDED if not hasattr(mesh, name)]
    missing += [name for name in ("AgentKilled", "AgentPaused") if not hasattr(axme, name)]
    if missing:
        print("its module axme is another one or too old: it has no " + ", ".join(missing))
except Exception as error:
    print("it cannot import axme: %s" % error)
