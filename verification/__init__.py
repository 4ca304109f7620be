"""The judge: anyone's convolution and pooling against PyTorch's, number by number."""
