"""Work on what strangers send, done by processes that may hold little memory and little time, and may die.

`pictures` and `films` are what a server asks for, `turns` tells who goes first; `pool` keeps the processes, `worker` is
one of them, `jobs` what both say to each other. Films lie in a private folder meanwhile (`scratch`).
"""
