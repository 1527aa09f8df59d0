"""A package, so that benchmarks find it although one of them is called hub, too."""
