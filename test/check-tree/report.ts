// What a check of one thing ends with, in words and as a status.
import { describeFinding, type Finding } from '../../src/fs/tree/findings.ts';
import { StoreError } from '../../src/fs/tree/store.ts';

export const CLEAN = 0;
export const FINDINGS = 1;
export const COULD_NOT_LOOK = 2;

/** What was looked at. */
export interface Report {
  title: string;
  /** One line each. */
  findings: string[];
  /** Why it could not be looked at; undefined where it could. */
  failed: string | undefined;
  repaired: boolean;
}

/** A report on findings; `repaired`: whether they were asked to be. */
export const found = (title: string, findings: readonly Finding[], repaired: boolean): Report => ({
  title,
  findings: findings.map(describeFinding),
  failed: undefined,
  repaired: repaired && findings.length > 0,
});

export const failed = (title: string, reason: string): Report => ({
  title,
  findings: [],
  failed: reason,
  repaired: false,
});

/**
 * What became of a store that could not even be read as one: damage that the check does not know better is a finding,
 * unless it was to be repaired.
 */
export function refused(title: string, error: unknown, repair: boolean): Report {
  if (!(error instanceof StoreError)) throw error;
  if (error.code !== 'damaged' || repair) return failed(title, error.message);
  return { title, findings: [error.message], failed: undefined, repaired: false };
}

export function describe({ title, findings, failed: reason, repaired }: Report): string {
  if (reason !== undefined) return `${title}: could not be looked at: ${reason}\n`;
  if (findings.length === 0) return `${title}: clean\n`;
  const count = findings.length === 1 ? '1 finding' : `${findings.length} findings`;
  const lines = findings.map((finding) => `  ${finding}\n`).join('');
  return `${title}: ${count}${repaired ? ', repaired' : ''}\n${lines}`;
}

export function statusOf(reports: readonly Report[]): number {
  if (reports.some(({ failed: reason }) => reason !== undefined)) return COULD_NOT_LOOK;
  return reports.some(({ findings }) => findings.length > 0) ? FINDINGS : CLEAN;
}
