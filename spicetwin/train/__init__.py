"""Hardware-aware training of minGRU networks; needs the extra ``train`` (PyTorch, on the CPU is enough)."""
