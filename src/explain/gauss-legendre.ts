/** Gauss-Legendre quadrature on [0, 1]: exact for polynomials of degree 2n - 1. */

export interface Quadrature {
  /** Ascending, none of them 0 or 1. */
  readonly nodes: Float64Array;
  /** They add up to 1. */
  readonly weights: Float64Array;
}

/** Roots of the Legendre polynomial by Newton's method (Press et al., "Numerical Recipes", section 4.6). */
export function gaussLegendre(count: number): Quadrature {
  const nodes = new Float64Array(count);
  const weights = new Float64Array(count);
  for (let i = 0; i < Math.ceil(count / 2); i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let slope = 0;
    for (let step = 1; Math.abs(step) > 1e-15; ) {
      const [value, before] = legendre(count, x);
      slope = (count * (x * value - before)) / (x * x - 1);
      const next = x - value / slope;
      // Rounding may keep the last digit moving.
      step = next === x || Math.abs(next - x) < 2e-16 ? 0 : next - x;
      x = next;
    }
    const weight = 1 / ((1 - x * x) * slope * slope);
    nodes[i] = (1 - x) / 2;
    nodes[count - 1 - i] = (1 + x) / 2;
    weights[i] = weight;
    weights[count - 1 - i] = weight;
  }
  return { nodes, weights };
}

/** The Legendre polynomials of degrees n and n - 1 at x. */
function legendre(n: number, x: number): [number, number] {
  let [before, value] = [0, 1];
  for (let j = 0; j < n; j++) [before, value] = [value, ((2 * j + 1) * x * value - j * before) / (j + 1)];
  return [value, before];
}
