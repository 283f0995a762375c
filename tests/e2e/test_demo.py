"""`axme demo`: the whole story in one command, and its figures agree."""

from __future__ import annotations

import json

import pytest

from cli import Cli
from process import LONG

EMAILS = 50_000 if LONG else 2_000
DEMO_TIMEOUT_S = 300.0
FIELDS = {
    "emails_total",
    "sent_at_kill",
    "stopped",
    "sent_total",
    "duplicates",
    "missing",
    "kill_ms",
    "denied_after_kill",
}


@pytest.mark.bound_s(320)
def test_the_demo_stops_a_campaign_and_loses_nothing(cli: Cli) -> None:
    ran = cli.run("demo", "--auto", "--json", "--emails", str(EMAILS), timeout_s=DEMO_TIMEOUT_S)
    figures = json.loads(ran.out)
    assert set(figures) >= FIELDS, figures
    assert figures["emails_total"] == EMAILS
    assert (figures["duplicates"], figures["missing"]) == (0, 0), figures
    assert figures["sent_at_kill"] + figures["stopped"] == figures["sent_total"] == EMAILS, figures
    assert 0 < figures["sent_at_kill"] < EMAILS, "the kill came while it ran"
    assert figures["denied_after_kill"] > 0 and 0 < figures["kill_ms"] < 1000, figures
