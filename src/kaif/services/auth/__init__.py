"""People, their passwords and sessions, and the tokens that prove them.

It never tells a password or refresh token to anyone, stores neither readably, and knows nothing of
what people do here.
"""
