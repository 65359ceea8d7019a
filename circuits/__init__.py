"""SPICE side of spicetwin: declare a circuit, simulate it in ngspice, extract observables."""
