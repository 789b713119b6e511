"""Pictures: bytes in, what they show or variants of them out.

What strangers send is decoded only in worker processes that may hold little memory and little time (`work`), so that
a poisonous file costs a worker and never the server. Nothing here knows of storage or people.
"""
