"""Threads that leave the processor to everyone else."""

import os
import threading


def be_nice(by: int = 19) -> None:
    """A lower priority for the calling thread, and for those that it starts. On Linux it belongs to the thread.

    The lowest is for work whose end nobody waits for: on a busy machine a thread that has it starts seconds later.
    """
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), by)
