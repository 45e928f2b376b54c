"""Whether something grows with the calls: Theil and Sen's slope, with the bound that Kendall's test gives it. Neither is moved by
outliers, and nothing is assumed of the noise but that it has no trend of its own."""
import math
import statistics

Z = 2.576  # one-sided, 0.5 %: of a thousand runs without a leak five would be called one at the limit itself


def blocks(samples, n):
    """|samples|, (x, y) in order of x, as the medians of n stretches of equal length: what lies side by side is alike, and would
    make the bound look narrower than it is."""
    size = len(samples) / n
    parts = [samples[int(i * size):int((i + 1) * size)] for i in range(n)]
    return [(statistics.median(x for x, _ in part), statistics.median(y for _, y in part)) for part in parts if part]


def slope(points):
    """Of y by x: the estimate, and what it is at least."""
    pairs = sorted((b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(points) for b in points[i + 1:] if b[0] > a[0])
    if not pairs:
        return 0.0, -math.inf
    n = len(points)
    width = Z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    at = int((len(pairs) - width) / 2)
    return statistics.median(pairs), pairs[at] if at >= 0 else -math.inf


def without(samples):
    """|samples|, (x, y, load): y less what goes up and down with the load, as far as it goes with it and not with x."""
    n = len(samples)
    mx, my, ml = (sum(sample[i] for sample in samples) / n for i in range(3))
    xx, ll, xl, xy, ly = (sum(f(x - mx, y - my, z - ml) for x, y, z in samples) for f in (
        lambda x, y, z: x * x, lambda x, y, z: z * z, lambda x, y, z: x * z, lambda x, y, z: x * y, lambda x, y, z: z * y))
    whole = xx * ll - xl * xl
    share = (ly * xx - xy * xl) / whole if whole > 1e-9 * xx * ll else 0
    return [(x, y - share * (z - ml)) for x, y, z in samples]


class Verdict:
    """|samples| grow by more than |allowed| per call: |grows|. |sees| is the least growth that would have been called one."""

    def __init__(self, samples, allowed, n_blocks):
        self.allowed = allowed
        self.slope, self.least = slope(blocks(samples, n_blocks))
        self.grows = self.least > allowed
        self.sees = allowed + self.slope - self.least
