/** Elements that have something in common, together: in their order, and parts in that of their first elements. */
export function partsBy<Element>(elements: readonly Element[], keyOf: (element: Element) => unknown): Element[][] {
  const parts = new Map<unknown, Element[]>();
  for (const element of elements) {
    const key = keyOf(element);
    const there = parts.get(key);
    if (there) there.push(element);
    else parts.set(key, [element]);
  }
  return [...parts.values()];
}
