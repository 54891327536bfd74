"""The table in LaTeX."""

import pytest

from fdkd.reproduce.render import render
from fdkd.reproduce.render.latex import escape
from fdkd.reproduce.result import ResultTable

EXPECTED = r"""% needs booktabs
\begin{table}
\centering
\caption{Accuracy (\%). Top-1.}
\begin{tabular}{lll}
\toprule
method & CREMA-D A {[}paper] & AVE V \\
\midrule
teacher & 90.5 $\pm$ 0.7 & 80.0 \\
alone & \underline{60.5 $\pm$ 0.7} {[}62.4] & - \\
Feat & \textbf{64.5 $\pm$ 0.7} $\approx$ {[}60.9]\textsuperscript{1} & failed \\
a\textbar{}b\_c & 70.0 (1 of 3, 1 failed)\textsuperscript{1} \textsuperscript{2} & n/a \\
\bottomrule
\end{tabular}

\raggedright\footnotesize
mean $\pm$ standard deviation over seeds; {[} ]: the paper's figure; bold: best of a column, underlined: second (cells with all seeds, compared as printed); $\approx$: within noise of the student alone (a 95 \% interval of the difference contains 0, or none is known); (2 of 3): two of three seeds are finished; -: not run; n/a: does not apply

\textsuperscript{1} resumed

\textsuperscript{2} 50 \% of it

Made with -{}-{}jobs 2.
\end{table}
"""  # noqa: E501


def test_latex(table):
    assert render(table, 'latex') == EXPECTED


def test_a_bare_table_has_no_empty_texts():
    text = render(ResultTable('Figure 5: accuracy', ('method',), ('audio',), (), ''), 'latex')
    assert r'\caption{Figure 5: accuracy.}' in text
    assert r'\raggedright' not in text


@pytest.mark.parametrize(
    ('text', 'escaped'),
    [
        ('50 % & a_b #1 {x} $5', r'50 \% \& a\_b \#1 \{x\} \$5'),
        ('~ ^ \\', r'\textasciitilde{} \textasciicircum{} \textbackslash{}'),
        ('\\{', r'\textbackslash{}\{'),
        ('a < b > c | d', r'a \textless{} b \textgreater{} c \textbar{} d'),
        ('[a] *', '{[}a] {*}'),
        ('-1 a-b --c ---d', r'-1 a-b -{}-{}c -{}-{}-d'),
        ('λ1 × 2 ± 3 ≈ 4 ≤ 5 ≥ 6', r'$\lambda$1 $\times$ 2 $\pm$ 3 $\approx$ 4 $\leq$ 5 $\geq$ 6'),
    ],
)
def test_nothing_is_read_as_a_command(text, escaped):
    assert escape(text) == escaped
