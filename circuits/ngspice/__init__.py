"""The only code that knows ngspice: session, worker pool, result cache, typed errors."""
