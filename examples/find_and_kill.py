"""An operator finds an agent by a part of its address, stops it, and lets it go on.

    AXME_API_KEY=<an operator's key> python examples/find_and_kill.py
"""

from axme import AxmeClient, AxmeClientConfig
import os
client = AxmeClient(AxmeClientConfig(api_key=os.environ["AXME_API_KEY"]))

# Kill - instant, all instances
agents = client.mesh.list_agents()
target = [a for a in agents["agents"] if "email-campaign" in a["address"]][0]
client.mesh.kill(target["address_id"])
# Check status
print(f"{target['display_name']}: killed")
# Resume when fixed
client.mesh.resume(target["address_id"])
