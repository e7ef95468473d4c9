"""The published tables, typed in a second time: rows in order, numbers as printed.

``*`` is the best of a column, as the paper prints it in bold type; ``-`` stands where the paper has no number.
"""

PRINTED = {
    ("dtn", "Table 1"): """
Baseline method (Sec. 3) | 13.71
DTN | 90.66
DTN w/o L_TID | 88.40
DTN w/o L_CONST | 74.55
DTN, G does not contain f | 36.90
DTN w/o L_D and L_GANG | 34.70
DTN w/o L_CONST & L_TID | 5.28
Original SVHN image | 40.06""",
    ("dtn", "Table 2"): """
SA (Fernando et al. 2013) | 59.32
DANN (Ganin et al. 2016) | 73.85
DTN on SVHN transferring the train split s | 84.44
DTN on SVHN transferring the test split | 79.72""",
    ("dtn", "Table 3"): """
DTN | 94.67
'3' was not shown in s | 93.33
'3' was not shown in t | 40.13
'3' was not shown in both s or t | 60.02
'3' was not shown in s, t, and during the training of f | 4.52""",
    ("stargan", "Table 1"): """
DIAT | 9.3 31.4 6.9
CycleGAN | 20.0 16.6 13.3
IcGAN | 4.5 12.9 9.2
StarGAN | 66.2 39.1 70.6""",
    ("stargan", "Table 2"): """
DIAT | 20.4 15.6 18.7 15.6
CycleGAN | 14.0 12.0 11.2 11.9
IcGAN | 18.2 10.9 20.3 20.3
StarGAN | 47.4 61.5 49.8 52.2""",
    ("stargan", "Table 3"): """
DIAT | 4.10 52.6 7 368.2
CycleGAN | 5.99 52.6 14 736.4
IcGAN | 8.07 67.8 1 67.8
StarGAN | 2.12 53.2 1 53.2
StarGAN, as reproduced by a user | 8.1 - - -
Real images | 0.45 - - -""",
    ("mixdl", "Table 1"): """
FastGAN | 123.7 127.9 .341 | 103.0 117.4 .633 | 182.7 111.2 .667 | 76.3 81.8 .148 | 123.5 105.7 .578
StyleGAN2 | 166.0 111.4 .363 | 177.5 127.7 .569 | 177.3 143.0 .537 | 94.2 84.4 .435 | 257.6 136.5 .439
StyleGAN2 + DA | 162.0 96.8 .204 | 136.1 123.5 .559 | 187.0 154.4 .687 | 43.1 59.9 .438 | 280.1 148.9 .179
StyleGAN2 + ADA | 130.2 108.0 .288 | 236.5 126.2 .636 | 167.8 83.5 .719 | 62.8 67.3 .399 | 214.3 95.5 .496
FastGAN + MixDL | 107.6 98.5 .478 | 99.8 111.7 .625 | 180.5 75.5 .657 | 45.0 58.0 .416 | 144.0 118.3 .584
StyleGAN2 + MixDL | 73.1 *92.8 .548 | 96.0 99.9 .682 | 136.6 67.6 .734 | 39.4 *43.3 .479 | 117.0 *57.7 .539
StyleGAN2 + DA + MixDL | *70.2 94.1 .551 | 96.4 107.6 .682 | 129.9 66.9 .705 | *35.6 50.1 .471 | *114.3 79.0 *.607
StyleGAN2 + ADA + MixDL | 75.0 96.5 *.571 | *94.1 *96.6 *.684 | *127.7 *52.5 *.763 | 39.2 45.7 *.482 | 155.5 65.7 .544
StyleGAN2 + CDC | 93.4 107.4 .469 | 206.7 110.1 .545 | 107.5 99.9 .518 | 45.7 46.1 .428 | 126.6 79.1 .342""",
    ("mixdl", "Table 2"): """
N-Div | 175.4 176.4 .425 | 150.4 153.6 .632 | 177.1 177.1 .510
MSGAN | 138.6 100.5 .536 | 165.7 123.0 .630 | 165.4 120.1 .569
DistanceGAN | 84.1 93.0 .543 | 102.6 114.2 .678 | 105.7 102.9 .640
MixDL | *73.1 *92.8 *.548 | *96.0 *99.9 *.682 | *83.4 *73.9 *.643""",
    ("mixdl", "Table 3"): """
Diversity of the shots themselves (LPIPS) | .615 .613 .795 .598 .598
StyleGAN2 | 63.1 43.3 192.2 174.7 76.4
StyleGAN2 + DA | 46.9 27.1 91.6 66.8 45.6
StyleGAN2 + MixDL | 58.4 26.6 82.0 62.7 41.1
StyleGAN2 + DA + MixDL | *45.4 *26.5 *64.0 *57.9 *39.3""",
    ("mixdl", "Table 4"): """
StyleGAN2 | .47 .07 | .15 .12
StyleGAN2 + MixDL | .52 .32 | .86 *.50
FastGAN | .90 .36 | .90 .43
FastGAN + MixDL | *.91 *.47 | *.91 *.50""",
    ("mixdl", "Table 5"): """
Neither (StyleGAN2) | 177.5 .569 | 131.0 .574 | 192.2 .747
D alone | 118.4 .649 | 83.4 .638 | 94.1 .775
G alone | *95.4 .673 | 71.7 .638 | 84.0 .780
G and D | 96.0 *.682 | *63.4 *.647 | *82.0 *.782""",
    ("mixdl", "Table 6"): """
Dirichlet(0.1) | 76.4 .536
Dirichlet(1), as in MixDL | *73.1 *.548
Dirichlet(10) | 80.8 .532
Softmax of a Gaussian | 76.0 *.548
Normalised uniform | 74.8 .546""",
}


def printed(paper: str, number: str) -> dict[str, list[str]]:
    """Row -> its numbers as typed, with ``*`` before the best."""
    rows = [line.split(" | ", 1) for line in PRINTED[paper, number].strip().splitlines()]
    return {title: numbers.replace("|", " ").split() for title, numbers in rows}
