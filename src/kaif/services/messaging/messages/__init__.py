"""Messages that stand in a log: how they are shown, changed and dated, and whom they mention."""
