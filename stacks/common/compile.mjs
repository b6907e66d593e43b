// Compiles the modules below a folder with the CPython of npm's pyodide: node compile.mjs FOLDER
import { loadPyodide } from "pyodide";

const python = await loadPyodide({ env: { PYTHONHASHSEED: "0", HOME: "/home/pyodide" } });
python.FS.mkdirTree("/package");
python.FS.mount(python.FS.filesystems.NODEFS, { root: process.argv[2] }, "/package");
const compiled = python.runPython(`
import compileall, os, py_compile
os.chdir("/package")
compileall.compile_dir(".", quiet=1, stripdir=".", invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
`);
process.exit(compiled ? 0 : 1);
