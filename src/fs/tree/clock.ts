// Time stamps: seconds since 1970, negative before, and nanoseconds of the second.
export interface Time {
  s: number;
  /** 0 to 999,999,999. */
  ns: number;
}

export type Clock = () => Time;

/** The host's clock, as fine as it tells. */
export const hostClock: Clock = () => {
  const ms = performance.timeOrigin + performance.now();
  const s = Math.floor(ms / 1000);
  return { s, ns: Math.floor((ms - s * 1000) * 1e6) };
};
