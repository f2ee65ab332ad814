"""The table for spreadsheets and programs: rows in the notation, MACs to the last one."""

from __future__ import annotations

import csv as comma_separated
from io import StringIO

from resnet_dsl.answers.table_rows import PaperTable, item_text
from resnet_dsl.render.table_cells import LAYER, OUTPUT, total_name


def csv(table: PaperTable) -> str:
    """A cell a network, several rows in it separated by semicolons.

    >>> from resnet_dsl.answers.table_rows import table
    >>> print(csv(table(["resnet18"])).splitlines()[2])
    conv2_x,56x56,"3x3 max pool, /2; [[3x3, 64], [3x3, 64]] x 2"
    """
    file = StringIO()
    writer = comma_separated.writer(file, lineterminator="\n")
    writer.writerow([LAYER, OUTPUT, *table.networks])
    for row in table.rows:
        cells = ("; ".join(map(item_text, cell)) for cell in row.cells)
        writer.writerow([row.layer, row.output, *cells])
    writer.writerows([total_name(row), "", *row.values] for row in table.totals)
    return file.getvalue().removesuffix("\n")
