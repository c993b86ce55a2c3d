"""Tools for breaking promises: reusable by every test that wants to know what we do under attack.

injector     something happens in the middle of our own lines
threads      threads that get into each other's way
victims      programs that die while they are traced
workers      what worker processes import and call
zoo          values whose classes count, refuse or lie when they are asked anything
"""
