"""The commands of the project: training, measuring, converting, drawing."""
