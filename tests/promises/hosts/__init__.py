"""Host programs: small real ones, which give what they computed so that two runs can be compared.

models      every architecture forward and backward, every way to generate
training    the real Trainer, a loop of one's own, checkpointing
watchers    programs that look at themselves: modes, profilers, hooks, torch.func
speaking    programs that warn, log and fail
objects     programs that copy, pickle and inspect
compilers   programs that make graphs of models
"""
