// The page's few pictures, drawn with the colour of the text beside them.

const PATHS = {
  restart: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3',
  power: 'M8 1.5v6M4.5 3.8a5 5 0 1 0 7 0',
  keys: 'M1.5 4.5h13v7h-13zM4 7h.01M7 7h.01M10 7h.01M5 9.5h6',
  settings: 'M2 4.5h7M13 4.5h1M2 11.5h1M7 11.5h7M11 2.7v3.6M5 9.7v3.6',
  light: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1',
  dark: 'M13 9.7A5.5 5.5 0 0 1 6.3 3 5.5 5.5 0 1 0 13 9.7z',
  system: 'M2 3h12v8H2zM5.5 13.5h5M8 11v2.5',
  pause: 'M5.5 3v10M10.5 3v10',
  resume: 'M5 3l8 5-8 5z',
  clear: 'M3 4.5h10M6.5 4V2.5h3V4M4.5 4.5l.6 9h5.8l.6-9',
  follow: 'M8 2v9M4 7.5L8 11.5l4-4M3 14h10',
  close: 'M4 4l8 8M12 4l-8 8',
  copy: 'M5.5 5.5h8v8h-8zM10.5 3v-.5h-8v8H3',
  paste: 'M5 3H3v11h10V3h-2M5.5 1.5h5v3h-5z',
  keep: 'M3 13.5h10M8 2v8M5 7l3 3 3-3',
  upload: 'M3 13.5h10M8 10V2M5 5l3-3 3 3',
  'upload-folder': 'M1.5 13V3.5h4l1.5 2h7.5V13zM8 11.5V7.5M6 9.3l2-2 2 2',
  'new-folder': 'M1.5 13V3.5h4l1.5 2h7.5V13zM8 7.5v4M6 9.5h4',
  rename: 'M2.5 13.5l.6-3L10.5 3l2.5 2.5-7.4 7.4zM9 4.5L11.5 7',
  folder: 'M1.5 13V3.5h4l1.5 2h7.5V13z',
  file: 'M3.5 1.5h6l3 3v10h-9zM9.5 1.5v3h3',
  link: 'M6.5 9.5l3-3M7 4.5l1.7-1.7a2.8 2.8 0 0 1 4 4L11 8.5M9 11.5l-1.7 1.7a2.8 2.8 0 0 1-4-4L5 7.5',
  device: 'M2 4.5h12v7H2zM4.5 8h.01M7 8h4.5',
  right: 'M6 4l4 4-4 4',
  down: 'M4 6l4 4 4-4',
  trees: 'M2 3h5v3.5H2zM9 9.5h5V13H9zM4.5 6.5v4.8H9',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
