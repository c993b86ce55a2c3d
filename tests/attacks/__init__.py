"""Tools for breaking promises: reusable by every test that wants to know what we do under attack.

observed     everything that a host could see of its own run, to be compared bit by bit
injector     something happens in the middle of our own lines
threads      threads that get into each other's way
victims      programs that die while they are traced
workers      what worker processes import and call
zoo          values whose classes count, refuse or lie when they are asked anything
modules      modules of such classes
tensors      a tensor of every kind that torch has
vast         values that are too large or too deep to be looked at in full
mutations    good files that are spoilt in many ways
canaries     a program full of secrets, with everything that its trace wrote
names        names that would like to act where they are shown
"""
