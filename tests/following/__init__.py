"""Following tensors: hand-made functions, real attention, files, the command."""
