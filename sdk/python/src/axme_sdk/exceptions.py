from axme.exceptions import (
    AgentKilled,
    AgentPaused,
    AgentStopped,
    AxmeAuthError,
    AxmeError,
    AxmeHttpError,
    AxmeRateLimitError,
    AxmeServerError,
    AxmeValidationError,
    GatewayUnreachable,
)

__all__ = [
    "AgentKilled",
    "AgentPaused",
    "AgentStopped",
    "AxmeAuthError",
    "AxmeError",
    "AxmeHttpError",
    "AxmeRateLimitError",
    "AxmeServerError",
    "AxmeValidationError",
    "GatewayUnreachable",
]
