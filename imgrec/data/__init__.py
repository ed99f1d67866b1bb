"""Data sets and class names: CIFAR-10, ImageNet, folders and zips of labelled photos."""
