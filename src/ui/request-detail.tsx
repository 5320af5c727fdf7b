// One request opened: its facts, every field of request and reply by name, and the bytes with the field marked.
import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { details, type Field, row } from '../lab/describe.ts';
import { type LogRecord, RecordFlag } from '../lab/record.ts';
import { formatBytes, formatClock, formatDuration, showName } from './format.ts';
import { HexView } from './hex-view.tsx';
import { Icon } from './icons.tsx';
import type { LogModel } from './log-model.ts';
import { opClass } from './op-class.ts';

/** From this width on, in px, hex lines have 16 bytes. */
const WIDE = 1060;

interface MessageProps {
  title: string;
  fields: readonly Field[];
  bytes: Uint8Array;
  /** Bytes that it had on the wire. */
  size: number;
  width: number;
}

/** Index of the field that an event is about, from data-field of what it hit. */
function fieldAt(event: Event): number | undefined {
  const value = (event.target as Element).closest<HTMLElement>('[data-field]')?.dataset.field;
  return value === undefined ? undefined : Number(value);
}

function Message({ title, fields, bytes, size, width }: MessageProps) {
  const marked = useSignal<number | undefined>(undefined);
  const list = useRef<HTMLTableSectionElement>(null);
  const mark = (event: Event): void => {
    marked.value = fieldAt(event);
  };
  const key = (event: KeyboardEvent): void => {
    const now = fieldAt(event);
    const to = new Map([
      ['ArrowUp', (now ?? 0) - 1],
      ['ArrowDown', (now ?? 0) + 1],
      ['Home', 0],
      ['End', fields.length - 1],
    ]).get(event.key);
    if (to === undefined) return;
    event.preventDefault();
    list.current?.querySelector<HTMLElement>(`[data-field="${to}"]`)?.focus();
  };
  return (
    // biome-ignore lint/a11y/useKeyWithMouseEvents: rows mark when they get the focus; hovering is for the bytes too
    <section class="message" aria-label={title} onMouseOver={mark} onMouseLeave={mark}>
      <h3>
        {title} <span class="size">{size === bytes.length ? `${size} B` : `${bytes.length} of ${size} B kept`}</span>
      </h3>
      <div class="message-body">
        <table class="fields">
          <caption class="offscreen">
            Fields of the {title.toLowerCase()}; arrow keys move, bytes are marked beside
          </caption>
          <tbody ref={list} onKeyDown={key}>
            {fields.map((field, index) => (
              <tr
                key={`${field.at} ${field.depth} ${field.name}`}
                class={`depth-${Math.min(field.depth, 4)}${marked.value === index ? ' marked' : ''}`}
                data-field={index}
                tabIndex={index === (marked.value ?? 0) ? 0 : -1}
                onFocus={mark}
              >
                <th scope="row">{field.name}</th>
                <td class="value">{field.value}</td>
                <td class="note">{field.note}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <HexView
          bytes={bytes}
          fields={fields}
          width={width}
          marked={marked.value}
          label={`Bytes of the ${title.toLowerCase()}`}
        />
      </div>
    </section>
  );
}

/** What stands beside request and reply: names and values. */
function facts(log: LogModel, record: LogRecord): [string, string][] {
  const { pid, seq, available, taken, answered, used } = record;
  const name = pid === 0 ? 'kernel' : showName(log.processes.name(pid, seq) ?? '');
  const command = log.commands.during(seq);
  const list: [string, string][] = [
    ['who', `${name}${pid === 0 ? '' : ` pid ${pid}`}, uid ${record.uid}, gid ${record.gid}`],
  ];
  if (command) list.push(['command', `$ ${showName(command.text)}`]);
  list.push(['taken', formatClock(log.timeOrigin + taken)]);
  const span = (from: number, to: number): string => formatDuration(to - from, log.clockStep);
  const parts = [`waited ${span(available, taken)}`];
  if (answered > 0) parts.push(`served in ${span(taken, answered)}`);
  if (used > 0) parts.push(`used ${span(answered, used)} later`);
  list.push(['times', parts.join(', ')]);
  list.push([
    'ring',
    `queue ${record.queue}, head ${record.head}, avail ${record.availIndex}, used ${record.usedIndex}`,
  ]);
  const interrupt = record.flags & RecordFlag.INTERRUPTED ? ', interrupt' : '';
  list.push(['spans', `${spans(record.readable)} readable, ${spans(record.writable)} writable${interrupt}`]);
  if (record.nlookup !== 0) list.push(['nlookup', `${record.nlookup > 0 ? '+' : ''}${record.nlookup}`]);
  if (record.flags & RecordFlag.VIOLATION) list.push(['violation', 'the guest broke a rule of the protocol here']);
  if (record.flags & RecordFlag.BUG) list.push(['bug', 'the server failed here, which is a mistake of the lab']);
  if (record.flags & RecordFlag.DROPPED) list.push(['dropped', 'the device was reset before the answer came']);
  return list;
}

const spans = (list: readonly { length: number }[]): string =>
  `${list.length} × (${formatBytes(list.reduce((sum, span) => sum + span.length, 0))})`;

export function RequestDetail({ log, record, onClose }: { log: LogModel; record: LogRecord; onClose: () => void }) {
  const element = useRef<HTMLElement>(null);
  const wide = useSignal(false);
  const { request, reply } = useMemo(() => details(record), [record]);
  const text = useMemo(() => row(record), [record]);
  void log.version.value;
  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => {
      wide.value = (entry?.contentRect.width ?? 0) >= WIDE;
    });
    watcher.observe(element.current as HTMLElement);
    return () => watcher.disconnect();
  }, []);
  const width = wide.value ? 16 : 8;
  const failed = record.error !== undefined && record.error !== 0;
  return (
    <aside
      class="detail"
      id="request-detail"
      aria-label={`Request ${record.seq}`}
      data-region
      data-seq={record.seq}
      tabIndex={-1}
      ref={element}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose();
      }}
    >
      <header class="detail-head">
        <h2>
          <span class="number">{record.seq}</span> <span class={`op op-${opClass(text.op)}`}>{text.op}</span>{' '}
          <bdi class="path">{showName(text.path)}</bdi>
        </h2>
        <button type="button" class="plain" aria-label="Close the details" title="Close (Esc)" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <p class="in-words">
        {text.what} <span aria-hidden="true">→</span>{' '}
        <span class={failed ? 'failed' : ''}>{record.error === undefined ? 'no reply' : text.result}</span>
      </p>
      <dl class="facts">
        {facts(log, record).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Message title="Request" fields={request} bytes={record.req} size={record.insize} width={width} />
      {reply.length > 0 && (
        <Message title="Reply" fields={reply} bytes={record.res} size={record.outsize} width={width} />
      )}
    </aside>
  );
}
