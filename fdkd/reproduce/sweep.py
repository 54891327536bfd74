"""Figure 5: accuracy over the weights of the two bands."""

from fdkd.reproduce.pairs import Pair
from fdkd.reproduce.plans import Plan, PlanCell, PlanRow
from fdkd.reproduce.tables import Protocol

LAMBDAS = (0.5, 1.0, 3.0, 5.0)


def sweep(protocol: Protocol, pair: Pair) -> Plan:
    """One pair's matrix: lambda 1, of the low band, downwards, lambda 2, of the high band, across."""

    def cell(low: float, high: float) -> PlanCell:
        weights = {'lambda_low': low, 'lambda_high': high}
        changes = [(f'model.losses.fdkd.{name}', weight) for name, weight in weights.items() if weight != 1]
        return PlanCell(tuple(pair.taught('fdkd', seed, *changes) for seed in protocol.seeds))

    rows = [PlanRow((str(low),), tuple(cell(low, high) for high in LAMBDAS), ranked=True) for low in LAMBDAS]
    alone = PlanCell(tuple(map(pair.alone, protocol.seeds)))
    return Plan(
        name=f'fig5-{pair.name}',
        title=f'Figure 5: FD-CMKD over the weights of its bands, {pair.column}',
        heads=('lambda 1 (low band)',),
        columns=tuple(f'lambda 2 = {high}' for high in LAMBDAS),
        baselines=(alone,) * len(LAMBDAS),
        rows=tuple(rows),
        matrix=True,
        notes=('The paper finds 1, 1 best, but for AVE with a visual student, where it is 0.5, 0.5.',),
    )
