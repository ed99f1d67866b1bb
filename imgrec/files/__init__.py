"""Files on disk and from the network: paths, atomic writes, downloads, zips, names."""
