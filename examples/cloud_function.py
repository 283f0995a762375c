"""A cloud function: no threads, no streams, frozen between calls, and still stopped by a kill.

    AXME_API_KEY=<the agent's key> python examples/cloud_function.py
"""

from axme import AgentStopped, AxmeClient, AxmeClientConfig, GatewayUnreachable

# Made once per instance of the function, and kept from call to call.
client = AxmeClient(AxmeClientConfig(background=False, unreachable_wait_seconds=5))


def send_email(customer):
    """What you fill in: your work."""
    print(f"sent to {customer}", flush=True)


def handle(event):
    """One call of the function: sends until it is done, or until somebody stops the agent."""
    done = 0
    try:
        for customer in event["customers"]:
            # One round trip: it answers, or raises. The metrics go out with it.
            client.guard()
            send_email(customer)
            done += 1
            client.mesh.report_metric(cost_usd=0.001)
    except AgentStopped as stopped:
        return {"done": done, "stopped_by": stopped.by, "reason": stopped.reason}
    except GatewayUnreachable as unreachable:
        return {"done": done, "stopped_by": None, "reason": str(unreachable)}
    finally:
        # The function may be frozen as soon as it returns.
        client.mesh.flush(timeout_seconds=2)
    return {"done": done}


if __name__ == "__main__":
    print(handle({"customers": ["ada@example.org", "grace@example.org"]}))
