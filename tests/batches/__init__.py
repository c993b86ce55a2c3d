"""From rows to a batch and from a folder to a model: collators, loaders, tables, dropped columns, loading.

rows    what the tests here put into batches
"""
