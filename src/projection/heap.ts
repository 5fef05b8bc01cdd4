/** Events in the order of their times: a binary heap of numbers. Events of the same time come in the order of being added. */

export class EventHeap {
  #times = new Float64Array(1024);
  #orders = new Float64Array(1024);
  #codes = new Int32Array(1024);
  #size = 0;
  #added = 0;
  /** Of the event that `pop` has returned. */
  time = 0;

  get size(): number {
    return this.#size;
  }

  push(time: number, code: number): void {
    if (this.#size === this.#times.length) this.#grow();
    const order = this.#added++;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#times[parent] <= time) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, time, order, code);
  }

  /** @returns the code of the next event; there has to be one */
  pop(): number {
    const code = this.#codes[0];
    this.time = this.#times[0];
    const last = --this.#size;
    const [time, order] = [this.#times[last], this.#orders[last]];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= last) break;
      if (child + 1 < last && this.#isBefore(child + 1, this.#times[child], this.#orders[child])) child++;
      if (!this.#isBefore(child, time, order)) break;
      this.#move(child, at);
      at = child;
    }
    this.#put(at, time, order, this.#codes[last]);
    return code;
  }

  #isBefore(at: number, time: number, order: number): boolean {
    return this.#times[at] < time || (this.#times[at] === time && this.#orders[at] < order);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from], this.#orders[from], this.#codes[from]);
  }

  #put(at: number, time: number, order: number, code: number): void {
    this.#times[at] = time;
    this.#orders[at] = order;
    this.#codes[at] = code;
  }

  #grow(): void {
    const [times, orders, codes] = [this.#times, this.#orders, this.#codes];
    this.#times = new Float64Array(2 * times.length);
    this.#orders = new Float64Array(2 * times.length);
    this.#codes = new Int32Array(2 * times.length);
    this.#times.set(times);
    this.#orders.set(orders);
    this.#codes.set(codes);
  }
}
