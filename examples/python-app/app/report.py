import tables


def lines(table):
    return [f"{name}={value}" for name, value in tables.rows(table)]
