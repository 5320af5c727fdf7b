// What a guest may have of locks in the server.
import { QUEUE_SIZE } from '../device/virtio-fs.ts';
import type { LockLimits } from '../fs/tree/locks.ts';

/** Whoever waits keeps a place in the ring until another gives a lock back: the rest stays free for that. */
export const LOCK_LIMITS: Partial<LockLimits> = { maxWaiting: QUEUE_SIZE / 4 };
