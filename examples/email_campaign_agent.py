"""An agent that sends e-mails in batches. Start it as often as you like; one kill stops them all.

    AXME_API_KEY=<the agent's key> python examples/email_campaign_agent.py
"""

import time
from dataclasses import dataclass

# What you fill in: your work. Here a batch takes a tenth of a second and reaches nobody.


@dataclass
class Batch:
    number: int
    cost: float


email_batches = [Batch(number, cost=0.01) for number in range(1, 501)]


def send_emails(batch):
    time.sleep(0.1)
    print(f"Sending email batch {batch.number}/500 (100 emails)... done", flush=True)


# From here on as it is published.
from axme import AxmeClient, AxmeClientConfig
import os
client = AxmeClient(AxmeClientConfig(api_key=os.environ["AXME_API_KEY"]))
# Start background heartbeat (every 30s)
client.mesh.start_heartbeat()
# Agent does its work
for batch in email_batches:
    send_emails(batch)
    client.mesh.report_metric(success=True, cost_usd=batch.cost)
