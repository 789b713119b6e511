"""The promise of messaging under a clock, a network and crashes that a seed decides.

In one process, without connections or threads, our own code runs: one or two processes of messaging on one SQLite
file, gateways' hubs, outboxes and sockets, and the client. What stands between them is simulated: the wires between
clients and gateways, calls between gateways and messaging, the news of the cache, the disk's answer to a commit, the
clock of each machine, and time itself.

    python -m tests.simulation --seeds 10000 --jobs 2 --kept seeds.jsonl

A run that was stopped goes on by the file that keeps what is done, while the code is the same. A seed that fails is run
again by `--seed N --verbose`, and does the same again.
"""
