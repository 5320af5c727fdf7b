// The list of requests: an ARIA grid of which only the rows in sight are in the document.
// biome-ignore-all lint/a11y/useSemanticElements: rows of a table cannot be placed one by one, most of them left out
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus and names the row (aria-activedescendant)
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { formatClock, formatDuration, showName } from './format.ts';
import type { LogModel } from './log-model.ts';
import type { RowText } from './row-texts.ts';
import { atEnd, rowsInDocument, rowsPerPage, scrollEnd, scrollToShow, type Viewport } from './virtual-rows.ts';
import type { Command } from './who.ts';

/** As --row-height in the style sheet. */
const ROW_HEIGHT = 22;

const COLUMNS = [
  { name: 'number', label: '#', title: 'Number of the request' },
  { name: 'time', label: 'Time', title: 'When the device took it' },
  { name: 'who', label: 'Who', title: 'The process that asked' },
  { name: 'op', label: 'Opcode', title: 'FUSE opcode' },
  { name: 'path', label: 'Path', title: 'Path of the inode when the request was served' },
  { name: 'what', label: 'Asked', title: 'What was asked' },
  { name: 'result', label: 'Result', title: 'What came of it' },
  { name: 'duration', label: 'Took', title: 'From available in the ring to used' },
] as const;

interface Owner {
  name: string;
  pid: number | undefined;
}

function owner(log: LogModel, { pid, seq }: RowText): Owner {
  if (pid === 0) return { name: 'kernel', pid: undefined };
  const name = log.processes.name(pid, seq);
  return name === undefined ? { name: `pid ${pid}`, pid: undefined } : { name: showName(name), pid };
}

const whoTitle = ({ name, pid }: Owner, command: Command | undefined): string =>
  `${name}${pid === undefined ? '' : ` ${pid}`}${command ? `\n$ ${showName(command.text)}` : ''}`;

function Row({ log, position, row, top }: { log: LogModel; position: number; row: number; top: number }) {
  const text = log.texts.get(position);
  const who = owner(log, text);
  const command = log.commands.during(text.seq);
  const begins = command !== undefined && command.begin === text.seq;
  const selected = log.selected.value === position;
  return (
    <div
      class={`log-row ${text.state} op-${text.opClass}${begins ? ' begins' : ''}${command ? ' of-command' : ''}`}
      role="row"
      id={`row-${position}`}
      aria-rowindex={row + 2}
      aria-selected={selected}
      data-position={position}
      data-seq={text.seq}
      style={{ transform: `translateY(${top}px)` }}
    >
      <span role="gridcell" class="number">
        {text.seq}
      </span>
      <span role="gridcell" class="time">
        {formatClock(log.timeOrigin + text.time)}
      </span>
      <span role="gridcell" class="who" title={whoTitle(who, command)}>
        {who.name}
        {who.pid !== undefined && <span class="pid"> {who.pid}</span>}
      </span>
      <span role="gridcell" class="op">
        {text.op}
      </span>
      <span role="gridcell" class="path" title={text.path}>
        <bdi>{text.path}</bdi>
      </span>
      <span role="gridcell" class="what" title={text.what}>
        {text.what}
      </span>
      <span role="gridcell" class="result" title={text.result}>
        {text.result}
      </span>
      <span role="gridcell" class="duration">
        {formatDuration(text.duration, log.clockStep)}
      </span>
    </div>
  );
}

function Head() {
  return (
    <div class="log-row log-head" role="row" aria-rowindex={1}>
      {COLUMNS.map(({ name, label, title }) => (
        <span key={name} role="columnheader" class={name} title={title}>
          {label}
        </span>
      ))}
    </div>
  );
}

interface LogGridProps {
  log: LogModel;
  onOpen: () => void;
  onClose: () => void;
}

export function LogGrid({ log, onOpen, onClose }: LogGridProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const scrollTop = useSignal(0);
  const height = useSignal(0);
  /** The store's oldest position when the rows were last laid out. */
  const laidOut = useRef(0);
  void log.version.value;
  const { view, store } = log;
  const count = view.length;
  const viewport: Viewport = { scrollTop: scrollTop.value, height: height.value, rowHeight: ROW_HEIGHT, count };
  const { first, last } = rowsInDocument(viewport);

  const scrollTo = (top: number): void => {
    const element = scroller.current as HTMLDivElement;
    if (element.scrollTop !== top) element.scrollTop = top;
    scrollTop.value = element.scrollTop;
  };
  const show = (row: number): void =>
    scrollTo(scrollToShow(row, { ...viewport, height: height.value, scrollTop: scrollTop.value }));

  useEffect(() => {
    const element = scroller.current as HTMLDivElement;
    const measure = (): void => {
      height.value = element.clientHeight - ROW_HEIGHT;
      const { selected } = log;
      // The details open below: the row they are about stays in sight.
      if (selected.value !== undefined && !log.follow.value) show(view.row(selected.value));
      log.changed();
    };
    const watcher = new ResizeObserver(measure);
    watcher.observe(element);
    return () => watcher.disconnect();
  }, [log]);

  useLayoutEffect(() => {
    const gone = store.begin - laidOut.current;
    laidOut.current = store.begin;
    if (log.follow.value) scrollTo(scrollEnd(viewport));
    // Rows above were overwritten: what is in sight stays where it is.
    else if (gone > 0 && log.filterText.value === '' && scrollTop.value > 0) {
      scrollTo(Math.max(0, scrollTop.value - gone * ROW_HEIGHT));
    }
  });

  const scrolled = (): void => {
    const { scrollTop: top } = scroller.current as HTMLDivElement;
    const up = top < scrollTop.value;
    scrollTop.value = top;
    const end = atEnd({ ...viewport, count: view.length, scrollTop: top });
    if (up && !end) log.follow.value = false;
    else if (end && !up) log.follow.value = true;
  };

  const select = (row: number): void => {
    if (count === 0) return;
    const wanted = Math.max(0, Math.min(count - 1, row));
    log.selected.value = view.position(wanted);
    log.follow.value = wanted === count - 1 && log.follow.value;
    show(wanted);
  };

  const key = (event: KeyboardEvent): void => {
    const { selected } = log;
    const now = selected.value === undefined ? undefined : view.row(selected.value);
    const page = rowsPerPage(height.value, ROW_HEIGHT);
    const start = now ?? (log.follow.value ? count : Math.floor(scrollTop.value / ROW_HEIGHT) - 1);
    const to = new Map([
      ['ArrowUp', start - 1],
      ['ArrowDown', start + 1],
      ['PageUp', start - page],
      ['PageDown', start + page],
      ['Home', 0],
      ['End', count - 1],
    ]).get(event.key);
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (to !== undefined) select(to);
    else if (event.key === 'Enter' || event.key === ' ') {
      if (now === undefined) select(start - 1);
      onOpen();
    } else if (event.key === 'Escape') onClose();
    else return;
    event.preventDefault();
  };

  const click = (event: MouseEvent): void => {
    const row = (event.target as Element).closest<HTMLElement>('[data-position]');
    if (row === null) return;
    log.selected.value = Number(row.dataset.position);
    log.follow.value = false;
    onOpen();
  };

  const { selected } = log;
  const selectedRow = selected.value !== undefined && selected.value >= store.begin ? view.row(selected.value) : -1;
  const rows = [];
  for (let row = first; row < last; row++) {
    const position = view.position(row);
    rows.push(<Row key={position} log={log} position={position} row={row} top={row * ROW_HEIGHT} />);
  }
  return (
    <div
      class="log-grid"
      id="log-grid"
      role="grid"
      tabIndex={0}
      aria-label="Request log"
      aria-rowcount={count + 1}
      aria-colcount={COLUMNS.length}
      aria-readonly
      aria-activedescendant={selectedRow >= first && selectedRow < last ? `row-${selected.value}` : undefined}
      data-region
      data-follow={log.follow.value}
      ref={scroller}
      onScroll={scrolled}
      onKeyDown={key}
      onClick={click}
    >
      <div role="rowgroup" class="log-headings">
        <Head />
      </div>
      <div role="rowgroup" class="log-rows" style={{ height: `${count * ROW_HEIGHT}px` }}>
        {rows}
      </div>
      {count === 0 && (
        <p class="empty">
          {log.filterText.value.trim() === '' ? (
            <>
              Every request that the guest’s kernel makes to <code>/mnt/lab</code> appears here. Try{' '}
              <code>echo hi &gt; /mnt/lab/a; sync</code>
            </>
          ) : (
            'No request has all these words in opcode, path or error.'
          )}
        </p>
      )}
    </div>
  );
}
