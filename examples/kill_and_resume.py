"""An operator stops an agent by its address, and lets it go on.

    AXME_API_KEY=<an operator's key> python examples/kill_and_resume.py
"""

from axme import AxmeClient, AxmeClientConfig
import os
client = AxmeClient(AxmeClientConfig(api_key=os.environ["AXME_API_KEY"]))
# Kill an agent instantly - all instances, all regions
client.mesh.kill("agent://myorg/production/email-campaign")
# Resume when ready
client.mesh.resume("agent://myorg/production/email-campaign")
