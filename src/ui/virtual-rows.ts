// Which of very many rows of one height have to be in the document. Pure.

/** Never more rows than this are in the document, however tall the window is. */
export const MAX_ROW_ELEMENTS = 180;

/** Rows above and below what can be seen, so that a scroll finds them there. */
const OVERSCAN = 8;

export interface Viewport {
  scrollTop: number;
  /** Height of what shows rows, in px. */
  height: number;
  rowHeight: number;
  count: number;
}

/** The range of rows to be in the document: from `first` up to, but not with, `last`. */
export function rowsInDocument({ scrollTop, height, rowHeight, count }: Viewport): { first: number; last: number } {
  const top = Math.min(Math.max(0, Math.floor(scrollTop / rowHeight)), count);
  const seen = Math.ceil(height / rowHeight) + 1;
  const first = Math.max(0, Math.min(top - OVERSCAN, count - seen - OVERSCAN));
  return { first, last: Math.min(count, top + seen + OVERSCAN, first + MAX_ROW_ELEMENTS) };
}

/** Whole rows that can be seen at once, one at least: how far a page key goes. */
export const rowsPerPage = (height: number, rowHeight: number): number =>
  Math.max(1, Math.floor(height / rowHeight) - 1);

/** The least change of `scrollTop` that shows `row` whole. */
export function scrollToShow(row: number, { scrollTop, height, rowHeight }: Viewport): number {
  const top = row * rowHeight;
  if (top < scrollTop) return top;
  return Math.max(scrollTop, top + rowHeight - height);
}

/** The greatest `scrollTop`. */
export const scrollEnd = ({ height, rowHeight, count }: Viewport): number => Math.max(0, count * rowHeight - height);

/** Whether the last row is seen, within half a row. */
export const atEnd = (viewport: Viewport): boolean =>
  viewport.scrollTop >= scrollEnd(viewport) - viewport.rowHeight / 2;
