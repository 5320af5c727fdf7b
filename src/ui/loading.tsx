// What stands over the terminal until the guest is there: downloading told from booting, by the byte and by the step.
import { formatBytes } from './format.ts';
import type { FileProgress } from './image-loader.ts';
import type { Lab, LabStage } from './lab-client.ts';

const STEPS: readonly { stage: LabStage; label: string }[] = [
  { stage: 'loading', label: 'Download' },
  { stage: 'opening-tree', label: 'Open the tree' },
  { stage: 'booting', label: 'Boot Linux' },
  { stage: 'mounted', label: 'Mount' },
];

const HEADINGS: Partial<Record<LabStage, string>> = {
  loading: 'Downloading',
  'opening-tree': 'Opening the file tree',
  booting: 'Booting Linux',
  rebooting: 'Booting Linux',
  mounted: 'Starting the shell',
};

/** Whether the guest is not there yet, and was not before: a terminal with something on it is not covered. */
export const isLoading = (lab: Lab): boolean => HEADINGS[lab.stage.value] !== undefined && !lab.wasReady.value;

function Bar({ files, downloading }: { files: readonly FileProgress[]; downloading: boolean }) {
  const loaded = files.reduce((sum, file) => sum + file.loaded, 0);
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (!downloading) return <div class="bar busy" role="progressbar" aria-label="Starting the guest" />;
  const percent = size === 0 ? 0 : Math.floor((loaded / size) * 100);
  return (
    <div
      class="bar"
      role="progressbar"
      aria-label="Download"
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuetext={`${formatBytes(loaded)} of ${formatBytes(size)}`}
    >
      <div style={{ width: `${percent}%` }} />
    </div>
  );
}

const STATE_WORDS = { waiting: 'waiting', loading: '', checking: 'checking', done: 'checked' } as const;

function Files({ files }: { files: readonly FileProgress[] }) {
  return (
    <table class="files">
      <caption class="offscreen">Files of the guest image</caption>
      <tbody>
        {files.map((file) => (
          <tr key={file.title} data-state={file.state}>
            <th scope="row">{file.title}</th>
            {/* One text: of two, the second would jump when the first gets longer. */}
            <td>{`${formatBytes(file.loaded)} of ${formatBytes(file.size)}`}</td>
            <td>{STATE_WORDS[file.state]}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Loading({ lab }: { lab: Lab }) {
  const stage = lab.stage.value;
  if (!isLoading(lab)) return null;
  const now = STEPS.findIndex((step) => step.stage === (stage === 'rebooting' ? 'booting' : stage));
  return (
    <div class="cover">
      <section class="card" aria-label="Loading">
        <h2 aria-live="polite">{HEADINGS[stage]}</h2>
        <Bar files={lab.files.value} downloading={stage === 'loading'} />
        <ol class="steps">
          {STEPS.map(({ stage: step, label }, index) => (
            <li
              key={step}
              class={index < now ? 'done' : index === now ? 'now' : ''}
              aria-current={index === now && 'step'}
            >
              {label}
            </li>
          ))}
        </ol>
        <Files files={lab.files.value} />
      </section>
    </div>
  );
}
