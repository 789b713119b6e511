"""The edge: who is asking, how often they may, which service answers, and what reaches which socket."""
