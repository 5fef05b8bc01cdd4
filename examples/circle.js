/** Points of the plane, and whether each is inside of a circle: examples for `data.source: module`. */
export default function* () {
  for (let i = 0; i < 1000; i++) {
    const [x, y] = [Math.cos(i) * 2 + Math.sin(7 * i), Math.sin(3 * i) * 2];
    yield { features: [x, y], target: x * x + y * y < 2 ? 0 : 1 };
  }
}
