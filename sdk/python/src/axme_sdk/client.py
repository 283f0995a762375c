from axme.client import AxmeClient
from axme.config import AxmeClientConfig

__all__ = ["AxmeClient", "AxmeClientConfig"]
