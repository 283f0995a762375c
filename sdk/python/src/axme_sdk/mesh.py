from axme.mesh import MeshClient

__all__ = ["MeshClient"]
