"""The API's calls, one file a resource, written once for both clients.

`Answer` is what a call returns: the JSON object itself, or something to await for it.
"""
