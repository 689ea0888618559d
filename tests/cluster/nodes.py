"""A Ray cluster of several nodes on this machine, in a process: `python -m tests.cluster.nodes JSON`.

The head has no CPUs. JSON is a list with the environment variables of each other node's own. Prints the
head's address, and ends with its standard input.
"""

import json
import sys

from ray.cluster_utils import Cluster


def main() -> None:
    """Start the nodes, and wait."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for own in json.loads(sys.argv[1]):
        cluster.add_node(num_cpus=2, object_store_memory=80 << 20, env_vars=own)
    print(cluster.address, flush=True)
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main()
