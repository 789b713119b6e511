"""Films and sounds, by libav (PyAV): files in, files out, in order of use.

`probing` tells what a file is, and by `fitness` whether browsers play it as it is: then `copying` takes its streams
over. `ladder` tells which sizes it gets, `encoding` makes one of them, `packaging` cuts them into what players stream,
`pictures` takes a poster and scrub previews, `voices` makes voice messages. Nothing here keeps state or knows where
files are stored. Each call belongs into a worker process: the files are anybody's.
"""
