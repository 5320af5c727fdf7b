// Walks one descriptor chain, checks every rule the driver has to keep, and gives its buffers as two lists of spans.
import type { Memory, Spans } from '../base/iov.ts';
import { VRING_DESC_F_INDIRECT, VRING_DESC_F_NEXT, VRING_DESC_F_WRITE } from './virtio-abi.ts';

const DESC_SIZE = 16;
const TWO_32 = 4294967296;

/** A descriptor table in RAM; `size` in descriptors. The whole table has to lie in RAM. */
export interface DescriptorTable {
  readonly at: number;
  readonly size: number;
}

/**
 * Fills `readable` and `writable` with the chain's buffers in order. Empty buffers are passed over.
 * Returns undefined, or what is wrong with the chain; then the spans are of no use.
 *
 * A chain has at most as many buffers as the queue has entries (VirtIO 1.3 2.7.5.3.1), which also ends loops, and as
 * many bytes as RAM, so that any part of it can be held in one array.
 */
export function walkChain(
  memory: Memory,
  table: DescriptorTable,
  head: number,
  indirectAllowed: boolean,
  readable: Spans,
  writable: Spans,
): string | undefined {
  readable.clear();
  writable.clear();
  const { view } = memory;
  const ram = memory.bytes.length;
  let { at: base, size: entries } = table;
  let indirect = false;
  let writing = false;
  let index = head;
  let total = 0;
  for (let count = 0; ; ) {
    if (index >= entries) return `descriptor ${index} of a table of ${entries}`;
    const desc = base + index * DESC_SIZE;
    let at = view.getUint32(desc, true);
    const high = view.getUint32(desc + 4, true);
    // Out of the way of the common case, which so stays in integers.
    if (high !== 0) at += high * TWO_32;
    const length = view.getUint32(desc + 8, true);
    const flags = view.getUint16(desc + 12, true);
    if (flags & VRING_DESC_F_INDIRECT) {
      // F_WRITE is ignored here (VirtIO 1.3 2.7.5.3.2).
      if (!indirectAllowed) return 'INDIRECT without VIRTIO_RING_F_INDIRECT_DESC';
      if (indirect) return 'INDIRECT inside an indirect table';
      if (flags & VRING_DESC_F_NEXT) return 'INDIRECT together with NEXT';
      if (length === 0 || length % DESC_SIZE !== 0) return `indirect table of ${length} bytes`;
      if (at + length > ram) return `indirect table at ${at} length ${length} outside of memory`;
      indirect = true;
      base = at;
      entries = length / DESC_SIZE;
      index = 0;
      continue;
    }
    if (++count > table.size) return `chain of more than ${table.size} buffers`;
    if (length > 0) {
      if (at + length > ram) return `buffer at ${at} length ${length} outside of memory`;
      total += length;
      if (total > ram) return `chain of ${total} bytes`;
    }
    if (flags & VRING_DESC_F_WRITE) {
      writing = true;
      if (length > 0) writable.push(at, length);
    } else if (writing) {
      return 'readable buffer after a writable one';
    } else if (length > 0) {
      readable.push(at, length);
    }
    if (!(flags & VRING_DESC_F_NEXT)) return undefined;
    index = view.getUint16(desc + 14, true);
  }
}
