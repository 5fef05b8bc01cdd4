/** Least squares for a handful of unknowns. */

/** Residuals, each divided by its standard deviation. */
export type ResidualFunction = (unknowns: readonly number[]) => readonly number[];

export interface Fit {
  readonly unknowns: readonly number[];
  /** Of each unknown, its standard deviation as far as the residuals tell. */
  readonly deviations: readonly number[];
}

const mostSteps = 30;
const difference = 0.01;
const enough = 1e-6;

/**
 * Minimizes the sum of squares by the damped normal equations of K. Levenberg (1944) and D. W. Marquardt (1963).
 * There have to be as many independent residuals as unknowns.
 */
export function leastSquares(residuals: ResidualFunction, start: readonly number[]): Fit {
  let unknowns = [...start];
  let current = residuals(unknowns);
  let damping = 1e-3;
  for (let step = 0; step < mostSteps; step++) {
    const columns = slopes(residuals, unknowns, current);
    const [matrix, right] = normalEquations(columns, current);
    let gained = 0;
    while (damping < 1e6 && gained === 0) {
      const damped = matrix.map((row, i) => row.map((value, j) => (i === j ? value * (1 + damping) : value)));
      const move = solve(damped, right);
      const next = unknowns.map((value, i) => value - move[i]);
      const after = residuals(next);
      gained = Math.max(0, sumOfSquares(current) - sumOfSquares(after));
      if (gained > 0) [unknowns, current] = [next, after];
      damping *= gained > 0 ? 0.3 : 4;
    }
    if (gained <= enough * sumOfSquares(current)) break;
  }
  const [matrix] = normalEquations(slopes(residuals, unknowns, current), current);
  const unit = (at: number) => matrix.map((_, i) => (i === at ? 1 : 0));
  return { unknowns, deviations: unknowns.map((_, i) => Math.sqrt(solve(matrix, unit(i))[i])) };
}

const sumOfSquares = (values: readonly number[]): number => values.reduce((sum, value) => sum + value * value, 0);
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, i) => sum + value * b[i], 0);

function slopes(residuals: ResidualFunction, unknowns: readonly number[], at: readonly number[]): number[][] {
  return unknowns.map((_, i) => {
    const moved = residuals(unknowns.map((value, j) => (i === j ? value + difference : value)));
    return moved.map((value, row) => (value - at[row]) / difference);
  });
}

function normalEquations(columns: readonly number[][], residuals: readonly number[]): [number[][], number[]] {
  return [columns.map((a) => columns.map((b) => dot(a, b))), columns.map((a) => dot(a, residuals))];
}

/** Gauss's elimination, the largest pivot first. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]]);
  for (let i = 0; i < rows.length; i++) {
    const pivot = rows.slice(i).reduce((best, row) => (Math.abs(row[i]) > Math.abs(best[i]) ? row : best));
    rows.splice(rows.indexOf(pivot), 1);
    rows.splice(i, 0, pivot);
    for (const row of rows.slice(i + 1)) {
      const factor = row[i] / pivot[i];
      for (let j = i; j < row.length; j++) row[j] -= factor * pivot[j];
    }
  }
  const solution = rows.map(() => 0);
  for (let i = rows.length - 1; i >= 0; i--) {
    const known = solution.reduce((sum, value, j) => sum + value * rows[i][j], 0);
    solution[i] = (rows[i][rows.length] - known) / rows[i][i];
  }
  return solution;
}
