"""What the links of both clients share: one instance, and what is decided about a call."""

from __future__ import annotations

from . import _clock, _processes
from ._call import Call, about_ourselves, cause_of, is_unreachable
from ._callbacks import Registry
from ._core.control import ControlState
from ._core.decision import Decision, Kind, decide
from ._core.exchange import Exchange
from ._core.identity import forked_instance_id
from ._instance import Instance
from ._told import was_told
from .config import AxmeClientConfig
from .exceptions import AgentStopped, AxmeHttpError, GatewayUnreachable, stopped_error

ROUND_TRIP_SECONDS = 5.0
"""For one attempt of a guard."""
CONFIRM_SECONDS = 2.0
"""For confirming a stop where nothing runs in the background to do it."""
NAMING_PAUSES_SECONDS = (0.0, 0.05, 0.1, 0.2)
"""Before each attempt to learn whose order it was that a refused call tells of."""


class LinkBase:
    """No transport: that is what the two links add."""

    def __init__(self, config: AxmeClientConfig) -> None:
        self._config = config
        self.callbacks = Registry()
        self.instance = Instance(
            config.instance_id or _clock.draw_instance_id(),
            version=config.version,
            region=config.region,
            labels=config.labels,
            draw_id=_clock.draw_id,
        )

    @property
    def is_running(self) -> bool:
        """Whether a background learns of kills and delivers metrics."""
        raise NotImplementedError

    def say_farewell(self) -> None:
        """At exit."""
        raise NotImplementedError

    def become_forked_child(self) -> object:
        """This process is another instance; gives back what is the parent's and must be kept."""
        raise NotImplementedError

    def record(self, *, success: bool, latency_ms: float | None, cost_usd: float | None) -> None:
        """Keeps one piece of work that was done, until the gateway has counted it."""
        self.instance.record(
            _clock.now(), success=success, latency_ms=latency_ms, cost_usd=cost_usd
        )
        _processes.keep_open(self)
        if not self._config.background:
            self.instance.watched = True

    def watch(self) -> None:
        """From now on this client stands for an agent: calls are checked, and exits say farewell."""
        self.instance.watched = True
        _processes.keep_open(self)

    def _decide(self, kind: Kind) -> Decision:
        """What a call of this kind does first. Raises when the key is not taken any more."""
        instance = self.instance
        state = instance.state
        # Without a background nobody would find out that the key is taken again, so calls try it.
        if kind is Kind.WORK and instance.refusal is not None and self.is_running:
            raise instance.refusal
        return decide(
            kind=kind,
            state=state,
            contact=instance.contact,
            now=_clock.now(),
            watched=instance.watched,
            background=self.is_running,
            on_unreachable=self._config.on_unreachable,
            already_raised=was_told(instance.instance_id, state.kill_id),
        )

    def _translated(self, error: AxmeHttpError, call: Call) -> AxmeHttpError:
        return about_ourselves(error, call, self.instance.address)

    def _note_failure(self, exchange: Exchange, error: BaseException) -> None:
        """Nobody knows whether it arrived: the metrics are kept under their id."""
        self.instance.failed(exchange, error if isinstance(error, Exception) else OSError())
        if isinstance(error, AxmeHttpError) and error.status_code in (401, 403):
            self.instance.refused(error, _clock.now())
        elif isinstance(error, Exception) and is_unreachable(error):
            self.instance.missed(cause_of(error))

    def _renamed_for_child(self) -> str:
        given, drawn = self._config.instance_id, _clock.draw_id()[:8]
        return forked_instance_id(given, drawn) if given else _clock.draw_instance_id()


class Patience:
    """How long a guard goes on asking a gateway that does not answer."""

    def __init__(self, config: AxmeClientConfig, began: float) -> None:
        self._config = config
        self._began = began
        pauses = config.on_unreachable == "pause"
        self._wait_seconds = config.unreachable_wait_seconds if pauses else 0.0

    def attempt_seconds(self, now: float) -> float:
        """For the next attempt."""
        usual = min(ROUND_TRIP_SECONDS, self._config.timeout_seconds)
        return max(0.1, min(usual, self._left(now))) if self._wait_seconds else usual

    def pause_seconds(self, error: Exception, backoff_seconds: float, now: float) -> float | None:
        """How long to wait after a failed attempt; None to go on with what was known last.

        Raises the error when another attempt is of no use, GatewayUnreachable when time is up.
        """
        if not is_unreachable(error):
            raise error
        if self._config.on_unreachable == "continue":
            return None
        waited = now - self._began
        if waited >= self._wait_seconds:
            raise GatewayUnreachable(self._config.base_url, cause_of(error), waited) from error
        return max(0.0, min(backoff_seconds, self._left(now)))

    def _left(self, now: float) -> float:
        return self._began + self._wait_seconds - now


def renamed(told: AgentStopped, state: ControlState) -> AgentStopped:
    """The error of this state, with the refused call that told of it."""
    return stopped_error(
        state,
        status_code=told.status_code,
        body=told.body,
        request_id=told.request_id,
        trace_id=told.trace_id,
    )


def asked_seconds(error: Exception) -> float | None:
    """What the gateway asked to wait for."""
    return error.retry_after if isinstance(error, AxmeHttpError) else None

