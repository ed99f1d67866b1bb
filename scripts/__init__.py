"""The project's command-line scripts: training, measuring, converting, plotting."""
