"""What `make bench` runs: may import the package and what its tests are started with."""
