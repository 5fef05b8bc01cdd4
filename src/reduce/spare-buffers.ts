/** Copies of what is sent or waits, in buffers that are used again: fresh memory costs more than the copy. */

/** Buffers that wait for the next copies. */
const mostSpare = 8;

export class SpareBuffers {
  #spare: Uint8Array[] = [];

  of(bytes: Uint8Array): Uint8Array {
    const fitting = this.#spare.findIndex(({ length }) => length >= bytes.length);
    const [buffer] = fitting < 0 ? [new Uint8Array(bytes.length)] : this.#spare.splice(fitting, 1);
    buffer.set(bytes);
    return buffer.subarray(0, bytes.length);
  }

  /** Nobody reads this copy any more. */
  release({ buffer }: Uint8Array): void {
    this.#spare = [...this.#spare, new Uint8Array(buffer)].slice(-mostSpare);
  }

  clear(): void {
    this.#spare = [];
  }
}
