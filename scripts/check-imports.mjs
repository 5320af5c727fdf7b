// The layers hold: prints each import, and each use of a global, that the table in layers.mjs does not allow.
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import ts from 'typescript';
import { FILES, GLOBALS, LAYERS, TESTS } from './layers.mjs';
import { ROOT } from './process.mjs';

const isTest = (/** @type {string} */ file) => /\.test\.tsx?$/.test(file);

/** @param {string} file */
function layerOf(file) {
  return LAYERS.filter((layer) => file.startsWith(`${layer.path}/`)).sort((a, b) => b.path.length - a.path.length)[0];
}

/** @param {string} path @param {string} folder a folder, or a single file */
const within = (path, folder) => path === folder || path.startsWith(`${folder}/`);

/** @param {string} name @param {string[]} allowed names; a trailing * stands for anything */
function packageAllowed(name, allowed) {
  return allowed.some((entry) =>
    entry.endsWith('*') ? name.startsWith(entry.slice(0, -1)) : name === entry || name.startsWith(`${entry}/`),
  );
}

/**
 * Why `file` may not import `specifier`, or undefined where it may.
 * @param {string} file path from the root, with forward slashes
 * @param {string} specifier
 */
export function whyNotImport(file, specifier) {
  const layer = layerOf(file);
  if (!layer) return 'the file is in no layer: give its folder a line in scripts/layers.mjs';
  const test = isTest(file);
  const path = specifier.replace(/\?.*$/, '');
  if (path.startsWith('.')) {
    const target = posix.join(posix.dirname(file), path);
    if (!/\.[a-z]+$/.test(target)) return 'a relative import names its file with the extension';
    const own = layerOf(target)?.path === layer.path;
    const folders = [...layer.layers, ...(test ? TESTS.layers : [])];
    if (own || folders.some((folder) => within(target, folder))) return undefined;
    return `${layer.path} may import ${folders.join(', ') || 'nothing of ours'}`;
  }
  const packages = [
    ...(layer.packages ?? []),
    ...(FILES[/** @type {keyof typeof FILES} */ (file)] ?? []),
    ...(test ? TESTS.packages : []),
  ];
  if (packageAllowed(path, packages)) return undefined;
  return `${file} may import ${packages.length === 0 ? 'no package' : `of packages only ${packages.join(', ')}`}`;
}

/** Why `file` may not name the global `name`, or undefined. @param {string} file @param {string} name */
export function whyNotGlobal(file, name) {
  if (isTest(file)) return undefined;
  const rule = GLOBALS.find((candidate) => candidate.names.test(name));
  return rule && !rule.files.test(file) ? `${name} belongs to ${rule.files.source}` : undefined;
}

/**
 * What is wrong in one file, as 'line: text'.
 * @param {string} file path from the root
 * @param {string} text
 */
export function problemsIn(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  /** @type {string[]} */
  const problems = [];
  const report = (/** @type {ts.Node} */ node, /** @type {string} */ message) => {
    problems.push(`${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${message}`);
  };
  const checkImport = (/** @type {ts.Node} */ node, /** @type {string} */ specifier) => {
    const reason = whyNotImport(file, specifier);
    if (reason) report(node, `'${specifier}' is not allowed here: ${reason}`);
  };
  const declared = declaredIn(source);
  /** @param {ts.Node} node */
  const visit = (node) => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      checkImport(node, /** @type {ts.StringLiteral} */ (node.moduleSpecifier).text);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      checkImport(node, /** @type {ts.StringLiteral} */ (node.argument.literal).text);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteralLike(argument)) checkImport(node, argument.text);
      else report(node, 'an import() names its module literally');
    } else if (
      ts.isNewExpression(node) &&
      node.expression.getText() === 'URL' &&
      node.arguments?.[1]?.getText() === 'import.meta.url' &&
      node.arguments[0] &&
      ts.isStringLiteralLike(node.arguments[0])
    ) {
      if (/\.tsx?$/.test(node.arguments[0].text)) checkImport(node, node.arguments[0].text);
    } else if (ts.isIdentifier(node) && namesGlobal(node) && !declared.has(node.text)) {
      const reason = whyNotGlobal(file, node.text);
      if (reason) report(node, reason);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return problems;
}

/** Names that the file itself declares (variables, parameters, imports, types). @param {ts.SourceFile} source */
function declaredIn(source) {
  /** @type {Set<string>} */
  const names = new Set();
  /** @param {ts.Node} node */
  const visit = (node) => {
    const { name } = /** @type {{ name?: ts.Node }} */ (/** @type {unknown} */ (node));
    const member = ts.isPropertyAccessExpression(node) || ts.isClassElement(node) || ts.isTypeElement(node);
    if (name && ts.isIdentifier(name) && !member && !ts.isPropertyAssignment(node)) names.add(name.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

/** False for names of properties, members and parts of imports: those are nobody's globals. @param {ts.Identifier} node */
function namesGlobal(node) {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent))
    return parent.expression === node || parent.expression.getText() === 'globalThis';
  if (ts.isQualifiedName(parent)) return parent.left === node;
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent)) return false;
  return /** @type {{ name?: ts.Node }} */ (/** @type {unknown} */ (parent)).name !== node;
}

/** Every problem below src/, as 'file:line: text'. */
export function checkImports() {
  return readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort()
    .flatMap((file) => problemsIn(file, readFileSync(join(ROOT, file), 'utf8')).map((problem) => `${file}:${problem}`));
}
