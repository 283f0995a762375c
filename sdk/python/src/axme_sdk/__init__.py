"""The same as `axme`, under the name of the distribution."""

from axme import *
from axme import __all__ as __all__
