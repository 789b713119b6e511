"""Socket.IO for programs that speak it already: a façade on the same hub, log and limits as our own socket.

`packets` knows the form of what travels (Socket.IO protocol 5), `engine` how it travels (Engine.IO protocol 4: polling
and WebSocket), `device` what it means here, `streams` what of each chat was sent and what is still to be
(docs/socketio.md).
"""
