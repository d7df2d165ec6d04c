"""The speed table: each figure beside a rival in the same run. `make bench`."""
