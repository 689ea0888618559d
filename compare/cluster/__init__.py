"""`--cluster`: the groups of a run on the nodes of a Ray cluster, each as a whole on one node."""
