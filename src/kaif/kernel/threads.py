"""Threads that leave the processor to everyone else."""

import os
import threading


def be_nice() -> None:
    """The lowest priority for the calling thread, and for those that it starts. On Linux it belongs to the thread."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
