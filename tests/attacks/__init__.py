"""Tools for breaking promises: reusable by every test that wants to know what we do under attack.

observed     everything that a host could see of its own run, to be compared bit by bit
injector     something happens in the middle of our own lines
zoo          values whose classes count, refuse or lie when they are asked anything
"""
