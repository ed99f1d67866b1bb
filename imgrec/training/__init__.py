"""Training: recipes, the loop, heads on VGG16, and the process that trains."""
