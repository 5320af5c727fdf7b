// Feeds the requests of a recording to a server on a tree, in the order and with the overlaps of then.
import { ArrayExchange, type Used } from '../../base/array-exchange.ts';
import { OPS } from '../../fs/fuse/ops/index.ts';
import { FuseServer } from '../../fs/fuse/server.ts';
import type { Tree } from '../../fs/tree/tree.ts';
import { LOCK_LIMITS } from '../lock-limits.ts';
import { nodeidsOf } from '../nodeids.ts';
import type { RecordedRequest, Recording } from './recording.ts';
import { Replies } from './reply-differences.ts';

export interface Replayed {
  /** Requests whose reply is the same, and that have one that differs. */
  same: number;
  different: number;
  /** Requests that a reset of the device left without an answer: there is nothing to compare. */
  unanswered: number;
}

/** Room for a reply where the recording does not tell: the largest payload (max_pages), and its headers. */
const ROOM = 2 ** 20 + 4096;
const OPCODE_AT = 4;

interface Pending {
  readonly request: RecordedRequest;
  readonly exchange: ArrayExchange;
  readonly done: Promise<void>;
}

/** `tell` is given each difference in words, by request and, where there are several in one, field by field. */
export function replay(recording: Recording, tree: Tree, tell: (difference: string) => void): Promise<Replayed> {
  return new Replayer(recording, tree, tell).run();
}

class Replayer {
  private readonly server: FuseServer;
  private readonly replies = new Replies();
  private readonly requests: readonly RecordedRequest[];
  private readonly tell: (difference: string) => void;
  private readonly pending = new Set<Pending>();
  private readonly result: Replayed = { same: 0, different: 0, unanswered: 0 };

  constructor({ header, requests }: Recording, tree: Tree, tell: (difference: string) => void) {
    const { policy } = header;
    this.server = new FuseServer({ tree, policy, lockLimits: LOCK_LIMITS, nodeids: nodeidsOf(header) });
    this.requests = [...requests].sort((a, b) => begun(a) - begun(b) || a.seq - b.seq);
    this.tell = tell;
  }

  async run(): Promise<Replayed> {
    for (const request of this.requests) {
      const at = begun(request);
      await this.settle(({ answered, used }) => used && answered !== undefined && answered <= at);
      if (request.used) this.reset(request.line);
      this.feed(request);
    }
    await this.settle(({ used }) => used);
    this.reset(Number.POSITIVE_INFINITY);
    for (const { request } of this.pending) this.differs(request, ['no reply comes, recorded is one']);
    this.pending.clear();
    this.server.reset();
    return this.result;
  }

  private feed(request: RecordedRequest): void {
    const { req, room = ROOM, queue, used } = request;
    const exchange = new ArrayExchange(this.replies.request(req), room, queue, [], used);
    this.server.handle(exchange);
    const answer = exchange.wait();
    if (!(answer instanceof Promise)) {
      this.compare(request, answer);
      return;
    }
    const pending: Pending = {
      request,
      exchange,
      done: answer.then((late) => {
        if (this.pending.delete(pending)) this.compare(request, late);
      }),
    };
    this.pending.add(pending);
  }

  /** Waits until those of the pending requests that are `due` are answered, or wait for a lock that nobody gives back. */
  private async settle(due: (request: RecordedRequest) => boolean): Promise<void> {
    while ([...this.pending].some(({ request }) => due(request))) {
      if (this.pending.size <= this.server.session.locks.waiting) return;
      await Promise.race([...this.pending].map(({ done }) => done));
    }
  }

  /** The device was reset before the request of this line was taken: what it dropped has no answer. */
  private reset(line: number): void {
    for (const pending of this.pending) {
      if (pending.request.used || pending.request.line >= line) continue;
      pending.exchange.live = false;
      this.pending.delete(pending);
      this.compare(pending.request, undefined);
    }
  }

  private compare(request: RecordedRequest, used: Used | undefined): void {
    const found = request.intact ? [] : ['its bytes are not those that were recorded: they do not match its crc'];
    if (request.used && used) found.push(...this.replies.differences(request.req, request.res, used.bytes));
    if (found.length > 0) this.differs(request, found);
    else if (request.used) this.result.same++;
    else this.result.unanswered++;
  }

  private differs({ seq, op, path }: RecordedRequest, found: readonly string[]): void {
    this.result.different++;
    for (const words of found) this.tell(`request ${seq}, ${op}${path === undefined ? '' : ` ${path}`}: ${words}`);
  }
}

/**
 * When it was begun, ms. What adds to the tree can have waited for room before it was: then, unlike all others, it was
 * done when it was answered.
 */
function begun({ req, taken, answered }: RecordedRequest): number {
  const opcode = req.length < OPCODE_AT + 4 ? 0 : new DataView(req.buffer, req.byteOffset).getUint32(OPCODE_AT, true);
  return OPS[opcode]?.adds && answered !== undefined ? answered : taken;
}
