"""Twin of the memristive-memcapacitive stack: element, leaky integrator, chips, programming."""
