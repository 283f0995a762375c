"""Client of the axme gateway: agents that an operator can really stop.

    from axme import AxmeClient, AxmeClientConfig

`AxmeClient` blocks, `AsyncAxmeClient` is for asyncio; both have the same calls.
"""

from ._core.control import ControlState, Hold
from ._version import VERSION as __version__
from .async_client import AsyncAxmeClient
from .async_mesh import AsyncMeshClient
from .client import AxmeClient
from .config import AxmeClientConfig
from .exceptions import (
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
from .mesh import MeshClient

__all__ = [
    "AgentKilled",
    "AgentPaused",
    "AgentStopped",
    "AsyncAxmeClient",
    "AsyncMeshClient",
    "AxmeAuthError",
    "AxmeClient",
    "AxmeClientConfig",
    "AxmeError",
    "AxmeHttpError",
    "AxmeRateLimitError",
    "AxmeServerError",
    "AxmeValidationError",
    "ControlState",
    "GatewayUnreachable",
    "Hold",
    "MeshClient",
    "__version__",
]
