/**
 * Rankings among some of the catalogue: the wanted item against others that are drawn from the rest, all alike, none twice. How many
 * of the drawn stand above it is hypergeometric, so that the mean over all draws is known: nothing is drawn, and no seed decides.
 */
import type { PlaceWorth } from './ranked-places.js';

/**
 * What a place in the full catalogue is worth, where the wanted item is ranked against `drawn` of the `others`.
 * @param worth of a place among those
 */
export function sampledWorth(worth: PlaceWorth, others: number, drawn: number): PlaceWorth {
  const worths = Float64Array.from({ length: drawn + 1 }, (_, above) => worth(above + 1));
  return (place) => meanOfDraws(worths, place - 1, others, drawn);
}

/** Shares of draws that change no sum. */
const least = 2 ** -70;

/** The mean of `worths` by how many of the drawn are among the `above`, from the likeliest number outward. */
function meanOfDraws(worths: Float64Array, above: number, others: number, drawn: number): number {
  const below = others - above;
  const [fewest, most] = [Math.max(0, drawn - below), Math.min(above, drawn)];
  const likeliest = Math.floor(((drawn + 1) * (above + 1)) / (others + 2));
  // How much likelier one more is.
  const rise = (count: number) => ((above - count) * (drawn - count)) / ((count + 1) * (below - drawn + count + 1));
  let [sum, whole] = [worths[likeliest], 1];
  for (let count = likeliest, share = 1; count < most && share > least; count++) {
    share *= rise(count);
    sum += share * worths[count + 1];
    whole += share;
  }
  for (let count = likeliest, share = 1; count > fewest && share > least; count--) {
    share /= rise(count - 1);
    sum += share * worths[count - 1];
    whole += share;
  }
  return sum / whole;
}
