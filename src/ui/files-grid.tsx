// The tree as an ARIA treegrid of which only the rows in sight are in the document.
// biome-ignore-all lint/a11y/useSemanticElements: rows of a table cannot be placed one by one, most of them left out
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus and names the row (aria-activedescendant)
import { useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { FileRow } from '../lab/messages.ts';
import { hasFiles } from './dropped.ts';
import { type FileActions, guestPath, MOUNT_POINT, targetOf } from './file-actions.ts';
import { type FilesModel, isFile, isFolder, nameKey } from './files-model.ts';
import { formatBytes, formatCount, formatDate, formatDevice, formatMode, showName } from './format.ts';
import { Icon, type IconName } from './icons.tsx';
import { rowsInDocument, rowsPerPage, scrollToShow, type Viewport } from './virtual-rows.ts';

/** As --row-height in the style sheet. */
const ROW_HEIGHT = 22;

const COLUMNS = [
  { name: 'name', label: 'Name', title: 'Name, and where a symbolic link points' },
  { name: 'size', label: 'Size', title: 'Bytes of a file, names in a folder, numbers of a device' },
  { name: 'mode', label: 'Mode', title: 'Type and permissions' },
  { name: 'owner', label: 'Owner', title: 'User and group, by number' },
  { name: 'mtime', label: 'Changed', title: 'When the content was changed (mtime)' },
  { name: 'nodeid', label: 'Nodeid', title: 'What the guest calls the inode' },
] as const;

const ICONS: ReadonlyMap<number, IconName> = new Map([
  [0o040000, 'folder'],
  [0o100000, 'file'],
  [0o120000, 'link'],
]);

const typeOf = ({ mode }: FileRow): number => mode & 0o170000;
const isDevice = (row: FileRow): boolean => typeOf(row) === 0o020000 || typeOf(row) === 0o060000;

function sizeText(row: FileRow): string {
  if (isFolder(row)) return row.entries === 1 ? '1 name' : `${formatCount(row.entries)} names`;
  return isDevice(row) ? formatDevice(row.rdev) : formatBytes(row.size);
}

/** All that is known of an inode, for whoever points at it. */
function title(row: FileRow): string {
  const { ino, nlink, size, blocks, mode, mtime, mtimensec } = row;
  const stored = `${formatCount(size)} bytes, ${formatBytes(blocks * 512)} allocated`;
  const octal = (mode & 0o7777).toString(8).padStart(4, '0');
  const links = nlink === 1 ? '1 link' : `${formatCount(nlink)} links`;
  return `${guestPath(row)}\ninode ${ino}, ${links}, mode ${octal}\n${stored}\nmtime ${mtime}.${String(mtimensec).padStart(9, '0')}`;
}

interface RowProps {
  row: FileRow;
  index: number;
  isCurrent: boolean;
  isTarget: boolean;
}

function Row({ row, index, isCurrent, isTarget }: RowProps) {
  const folder = isFolder(row);
  const size = sizeText(row);
  return (
    <div
      class={`file-row ${isTarget ? 'target' : ''}`}
      role="row"
      id={`file-${nameKey(row)}`}
      data-index={index}
      aria-rowindex={index + 2}
      aria-level={row.level}
      aria-posinset={row.position}
      aria-setsize={row.of}
      aria-expanded={folder ? row.expanded : undefined}
      aria-selected={isCurrent}
      style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
      title={title(row)}
    >
      <span role="gridcell" class="name" style={{ paddingLeft: `${(row.level - 1) * 14}px` }}>
        <span class={`twisty ${folder ? '' : 'none'}`} data-twisty>
          {folder && <Icon name={row.expanded ? 'down' : 'right'} />}
        </span>
        <Icon name={ICONS.get(typeOf(row)) ?? 'device'} />
        <bdi>{row.parent === 0 ? MOUNT_POINT : showName(row.name)}</bdi>
        {row.target !== '' && <span class="points"> → {showName(row.target)}</span>}
      </span>
      {/* A new one for a new text: its begin would be seen to move, being at the cell's end. */}
      <span role="gridcell" class="size" key={`size-${size}`}>
        {size}
      </span>
      <span role="gridcell" class="mode">
        {formatMode(row.mode)}
      </span>
      <span role="gridcell" class="owner">
        {row.uid}:{row.gid}
      </span>
      <span role="gridcell" class="mtime">
        {formatDate(row.mtime)}
      </span>
      <span role="gridcell" class="nodeid">
        {row.nodeid ?? '–'}
      </span>
    </div>
  );
}

function Head() {
  return (
    <div class="file-row file-head" role="row" aria-rowindex={1}>
      {COLUMNS.map(({ name, label, title }) => (
        <span key={name} role="columnheader" class={name} title={title}>
          {label}
        </span>
      ))}
    </div>
  );
}

interface FilesGridProps {
  files: FilesModel;
  actions: FileActions;
  onDrop: (transfer: DataTransfer, row: FileRow | undefined) => void;
}

export function FilesGrid({ files, actions, onDrop }: FilesGridProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const scrollTop = useSignal(0);
  const height = useSignal(0);
  /** Row that something is dragged over; -1: the pane, -2: nothing is dragged. */
  const over = useSignal(-2);
  const list = files.list.value;
  const count = list?.total ?? 0;
  const viewport: Viewport = { scrollTop: scrollTop.value, height: height.value, rowHeight: ROW_HEIGHT, count };
  const { first, last } = rowsInDocument(viewport);

  useEffect(() => {
    const element = scroller.current as HTMLDivElement;
    files.watch(true);
    const watcher = new ResizeObserver(() => {
      height.value = element.clientHeight - ROW_HEIGHT;
    });
    watcher.observe(element);
    return () => {
      files.watch(false);
      watcher.disconnect();
    };
  }, [files]);

  useEffect(() => files.look(first, last));

  // The row that the cursor was moved to, or that has moved, stays in sight.
  useSignalEffect(() => {
    const top = scrollToShow(files.cursor.value, {
      ...{ rowHeight: ROW_HEIGHT, count: 0, scrollTop: scrollTop.peek(), height: height.value },
    });
    const element = scroller.current;
    if (element === null || height.value <= 0 || element.scrollTop === top) return;
    element.scrollTop = top;
    scrollTop.value = element.scrollTop;
  });

  const fold = (row: FileRow, expanded: boolean): void => void files.expand(row.ino, expanded);
  const open = (row: FileRow): void => {
    if (isFolder(row)) fold(row, !row.expanded);
    else if (isFile(row)) void actions.download(row);
  };
  const change = (action: (row: FileRow) => Promise<void>): void => {
    const row = files.current;
    if (row !== undefined && row.parent !== 0 && !list?.readOnly && !actions.busy) void action(row);
  };
  const key = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const now = files.cursor.value;
    const row = files.current;
    const page = rowsPerPage(height.value, ROW_HEIGHT);
    const to = new Map([
      ['ArrowUp', now - 1],
      ['ArrowDown', now + 1],
      ['PageUp', now - page],
      ['PageDown', now + page],
      ['Home', 0],
      ['End', count - 1],
    ]).get(event.key);
    if (to !== undefined) files.moveTo(to);
    else if (row === undefined) return;
    else if (event.key === 'ArrowRight') {
      if (isFolder(row) && !row.expanded) fold(row, true);
      else if (row.expanded && row.entries > 0) files.moveTo(now + 1);
    } else if (event.key === 'ArrowLeft') {
      if (row.expanded) fold(row, false);
      else if (row.above) void files.choose(row.above);
    } else if (event.key === 'Enter') open(row);
    else if (event.key === 'F2') change((chosen) => actions.rename(chosen));
    else if (event.key === 'Delete') change((chosen) => actions.remove(chosen));
    else return;
    event.preventDefault();
  };

  const rowOf = (event: Event): FileRow | undefined => {
    const element = (event.target as Element).closest<HTMLElement>('[data-index]');
    return element === null ? undefined : files.rowAt(Number(element.dataset.index));
  };
  const indexOf = (event: Event): number => {
    const element = (event.target as Element).closest<HTMLElement>('[data-index]');
    return element === null ? -1 : Number(element.dataset.index);
  };
  const click = (event: MouseEvent): void => {
    const row = rowOf(event);
    if (row === undefined) return;
    files.moveTo(indexOf(event));
    if ((event.target as Element).closest('[data-twisty]') !== null && isFolder(row)) fold(row, !row.expanded);
  };
  const drag = (event: DragEvent): void => {
    if (!hasFiles(event.dataTransfer) || list === undefined) return;
    event.preventDefault();
    (event.dataTransfer as DataTransfer).dropEffect = list.readOnly || actions.busy ? 'none' : 'copy';
    over.value = list.readOnly ? -2 : indexOf(event);
  };

  const target = over.value >= 0 ? targetOf(files.rowAt(over.value)).ino : over.value === -1 ? 1 : undefined;
  const rows = [];
  for (let index = first; index < last; index++) {
    const row = files.rowAt(index);
    if (row === undefined) continue;
    const isCurrent = files.cursor.value === index;
    const isTarget = target !== undefined && isFolder(row) && row.ino === target;
    rows.push(<Row key={nameKey(row)} row={row} index={index} isCurrent={isCurrent} isTarget={isTarget} />);
  }
  const { current } = files;
  const currentInSight = current !== undefined && files.cursor.value >= first && files.cursor.value < last;
  return (
    <div
      class={`files-grid ${over.value === -2 ? '' : 'dragged-over'}`}
      id="files-grid"
      role="treegrid"
      tabIndex={0}
      aria-label="Files"
      aria-rowcount={count + 1}
      aria-colcount={COLUMNS.length}
      aria-readonly
      aria-activedescendant={currentInSight ? `file-${nameKey(current)}` : undefined}
      data-region
      ref={scroller}
      onScroll={() => {
        scrollTop.value = (scroller.current as HTMLDivElement).scrollTop;
      }}
      onKeyDown={key}
      onClick={click}
      onDblClick={(event) => {
        const row = rowOf(event);
        if (row !== undefined && (event.target as Element).closest('[data-twisty]') === null) open(row);
      }}
      onDragOver={drag}
      onDragLeave={(event) => {
        const to = event.relatedTarget;
        if (!(to instanceof Node && event.currentTarget.contains(to))) over.value = -2;
      }}
      onDrop={(event) => {
        over.value = -2;
        if (!hasFiles(event.dataTransfer)) return;
        event.preventDefault();
        if (list !== undefined && !list.readOnly) onDrop(event.dataTransfer as DataTransfer, rowOf(event));
      }}
    >
      <div role="rowgroup" class="file-headings">
        <Head />
      </div>
      <div role="rowgroup" class="file-rows" style={{ height: `${count * ROW_HEIGHT}px` }}>
        {rows}
      </div>
      {list === undefined && <p class="empty">{files.problem.value || 'The tree is not open yet.'}</p>}
      {list !== undefined && list.total === 1 && (
        <p class="empty">Nothing is in the tree yet. Drop files or folders here, or make some in the terminal.</p>
      )}
    </div>
  );
}
