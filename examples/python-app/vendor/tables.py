"""Stands for a dependency: it changes less often than the program."""


def rows(table):
    return sorted(table.items())
