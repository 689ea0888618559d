"""A Ray cluster of several nodes on this machine, in a process: `python -m tests.cluster.nodes JSON`.

JSON is a list with the environment variables of each node's own. Prints, as JSON, the head's address and each
raylet's process number; ends with its standard input.
"""

import json
import sys

from ray.cluster_utils import Cluster


def main() -> None:
    """Start the nodes, and wait."""
    cluster = Cluster()
    added = [
        cluster.add_node(num_cpus=2, include_dashboard=False, object_store_memory=80 << 20, env_vars=variables)
        for variables in json.loads(sys.argv[1])
    ]
    raylets = [node.all_processes["raylet"][0].process.pid for node in added]
    print(json.dumps([cluster.address, raylets]), flush=True)
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main()
