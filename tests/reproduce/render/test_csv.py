"""The table for programs."""

import csv

from fdkd.reproduce.render import render

EXPECTED = """\
method,column,state,mean,std,seeds,planned,failed,values,place,paper,difference,seeds_low,seeds_high,samples_low,samples_high,within_noise,marks
teacher,CREMA-D A,finished,90.5,0.7071,2,2,0,90.0;91.0,,,,,,,,,
teacher,AVE V,finished,80.0,,1,1,0,80.0,,,,,,,,,
alone,CREMA-D A,finished,60.5,0.7071,2,2,0,60.0;61.0,2,62.4,,,,,,,
alone,AVE V,not run,,,0,2,0,,,,,,,,,,
Feat,CREMA-D A,finished,64.5,0.7071,2,2,0,64.0;65.0,1,60.9,4.0,-0.5,8.5,1.0,7.0,True,resumed
Feat,AVE V,failed,,,0,2,2,,,,,,,,,,
a|b_c,CREMA-D A,unfinished,70.0,,1,3,1,70.0,,,-3.125,,,-5.0,-1.25,False,50 % of it; resumed
a|b_c,AVE V,not applicable,,,,,,,,,,,,,,,
# Table 1: accuracy (%)
# Top-1.
# Made with --jobs 2.
"""


def test_csv(table):
    assert render(table, 'csv') == EXPECTED


def test_every_cell_is_one_line_that_can_be_read_back(table):
    lines = [line for line in csv.DictReader(render(table, 'csv').splitlines()) if line['method'][0] != '#']
    assert len(lines) == len(table.rows) * len(table.columns)
    cells = {(line['method'], line['column']): line for line in lines}
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            line = cells[row.labels[0], ' '.join(column.split())]
            values = tuple(float(value) for value in line['values'].split(';') if value)
            assert values == (cell.values if cell else ())
