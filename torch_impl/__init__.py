"""LeNet in PyTorch. The files and names are those of tf_impl."""
