"""The only place that reads clocks and draws ids."""

from __future__ import annotations

import os
import random
import socket
import time
from uuid import uuid4

from ._core.identity import instance_id
from ._core.moment import Moment


def now() -> Moment:
    return Moment(time.monotonic(), time.time())


def draw_id() -> str:
    return uuid4().hex


def draw_fraction() -> float:
    """For jitter."""
    return random.random()


def draw_instance_id() -> str:
    return instance_id(socket.gethostname(), os.getpid(), draw_id()[:8])
