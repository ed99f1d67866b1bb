"""A visitor's project: its pictures, its classifier, its files and exports."""
