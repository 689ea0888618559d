"""LeNet in TensorFlow. The files and names are those of torch_impl."""
