// The bar between two panes: pointer and keyboard move it, a double click puts it back, and its place is remembered.
import type { Signal } from '@preact/signals';
import { signal } from '@preact/signals';
import { recall, remember } from './preferences.ts';

export interface Split {
  /** Share of the first pane, in percent. */
  readonly share: Signal<number>;
  readonly name: string;
  readonly initial: number;
  readonly min: number;
  readonly max: number;
}

/** A split remembered under `name`. */
export function makeSplit(name: string, initial: number, min: number, max: number): Split {
  const known = Number(recall(`split.${name}`));
  const share = signal(known >= min && known <= max ? known : initial);
  return { share, name, initial, min, max };
}

interface SplitterProps {
  split: Split;
  label: string;
  /** How the bar stands: vertical between panes side by side. */
  orientation: 'vertical' | 'horizontal';
  /** Id of the first pane. */
  controls: string;
}

export function Splitter({ split, label, orientation, controls }: SplitterProps) {
  const { share, min, max } = split;
  const move = (wanted: number): void => {
    share.value = Math.round(Math.min(max, Math.max(min, wanted)) * 10) / 10;
  };
  const settle = (): void => remember(`split.${split.name}`, String(share.value));
  const drag = (event: PointerEvent): void => {
    const bar = event.currentTarget as HTMLElement;
    if (!bar.hasPointerCapture(event.pointerId)) return;
    const box = (bar.parentElement as HTMLElement).getBoundingClientRect();
    move(
      orientation === 'vertical'
        ? ((event.clientX - box.left) / box.width) * 100
        : ((event.clientY - box.top) / box.height) * 100,
    );
  };
  const key = (event: KeyboardEvent): void => {
    const [less, more] = orientation === 'vertical' ? ['ArrowLeft', 'ArrowRight'] : ['ArrowUp', 'ArrowDown'];
    const step = event.shiftKey ? 10 : 2;
    const to = new Map([
      [less, share.value - step],
      [more, share.value + step],
      ['Home', min],
      ['End', max],
      ['Enter', split.initial],
    ]).get(event.key);
    if (to === undefined) return;
    event.preventDefault();
    move(to);
    settle();
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: an <hr> cannot be moved; this is ARIA's window splitter
    <div
      class={`splitter ${orientation}`}
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation={orientation}
      aria-controls={controls}
      aria-valuenow={Math.round(share.value)}
      aria-valuemin={min}
      aria-valuemax={max}
      title="Drag, or use the arrow keys; double-click to put it back"
      onPointerDown={(event) => {
        event.preventDefault();
        event.currentTarget.focus();
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={drag}
      onPointerUp={settle}
      onDblClick={() => {
        move(split.initial);
        settle();
      }}
      onKeyDown={key}
    />
  );
}
