"""One instance of the agent `email-campaign`, as `axme demo --python` runs three of them.

    python agent.py FIRST TOTAL STEP    sends the e-mails FIRST, FIRST + STEP, ... up to TOTAL

AXME_BASE_URL and AXME_API_KEY say where the gateway is. What it prints is for the demo, which draws it.
"""

import os
import sys
import threading
import time

from axme import AgentKilled, AgentPaused, AxmeAuthError, AxmeClient, AxmeClientConfig

FIRST, TOTAL, STEP = map(int, sys.argv[1:])
EMAILS_PER_BATCH = 25
COST_PER_EMAIL_USD = 0.0004

client = AxmeClient(AxmeClientConfig(api_key=os.environ["AXME_API_KEY"]))


class Batch:
    def __init__(self, emails):
        self.unsent = list(emails)
        self.cost = COST_PER_EMAIL_USD * len(self.unsent)


share = range(FIRST, TOTAL + 1, STEP)
batches = [
    Batch(share[begin : begin + EMAILS_PER_BATCH])
    for begin in range(0, len(share), EMAILS_PER_BATCH)
]


def work():
    client.mesh.start_heartbeat()
    wait_for_the_others()
    # A batch that was interrupted comes again, with what is left of it.
    email_batches = [batch for batch in batches if batch.unsent]
    for batch in email_batches:
        send_emails(batch)
        client.mesh.report_metric(success=True, cost_usd=batch.cost)


def send_emails(batch):
    report_done()
    while batch.unsent:
        send_email(batch.unsent[0])
        batch.unsent.pop(0)
        tell("sent")


def send_email(number):
    """The key makes it one e-mail, however often it is sent."""
    email = {
        "intent_type": "intent.email.send.v1",
        "to_agent": "mailer",
        "payload": {
            "n": number,
            "to": f"customer-{number}@example.com",
            "subject": f"Offer no. {number}",
        },
    }
    try:
        client.send_intent(email, idempotency_key=f"email-{number:08}")
    except AxmeAuthError as refused:
        # Without a code nothing was sent: the SDK knew of the kill already.
        if refused.code in STOPPED:
            tell("denied")
        raise


def report_done():
    client.mesh.report_progress(len(share) - left(), len(share), "e-mails")


def left():
    return sum(len(batch.unsent) for batch in batches)


def main():
    threading.Thread(target=end_with_the_demo, daemon=True).start()
    while True:
        try:
            work()
            break
        except (AgentKilled, AgentPaused):
            tell("stopped")
            report_done()
            if not left():
                break
            client.mesh.wait_until_active()
        except AxmeAuthError as refused:
            if refused.code not in STOPPED:
                raise
            # It is the mailer that is stopped: nobody says when it may go on.
            time.sleep(0.05)
    client.close()


# For the demo alone.

STOPPED = ("agent_killed", "agent_paused", "agent_quarantined")
others_are_there = threading.Event()


def tell(what):
    print(what, flush=True)


def wait_for_the_others():
    if not others_are_there.is_set():
        tell("ready")
        others_are_there.wait()


def end_with_the_demo():
    """The demo holds the other end of standard input: a line when all are there, its end at the end."""
    if os.read(0, 1):
        others_are_there.set()
        os.read(0, 1)
    os._exit(1)


main()
