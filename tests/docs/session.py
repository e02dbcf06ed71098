"""Runs the blocks of Python of many pages: a program for tests.

Reads from standard input JSON, for each page a list of `[line, code]`, and writes JSON, for each page a list of
`[printed, error]`. The blocks of a page run one after the other in one namespace, and end with the first error. Each
page has a process of its own, forked from one that has imported what takes seconds to import. `await` at the top level
is allowed, as in a notebook.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib
import io
import json
import multiprocessing
import os
import sys
import tempfile
import traceback
import types

TIMEOUT_S = 300
SLOW_IMPORTS = ("litellm", "headroom.integrations.litellm_callback")


def run(page: str, blocks: list[tuple[int, str]], module: types.ModuleType) -> list[tuple[str, str]]:
    """What each block printed, and the error of the last one."""
    loop = asyncio.new_event_loop()
    done: list[tuple[str, str]] = []
    for line, code in blocks:
        printed, error = io.StringIO(), ""
        with contextlib.redirect_stdout(printed):
            try:
                # The lines of a traceback are those of the page.
                compiled = compile("\n" * line + code, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                waits = eval(compiled, module.__dict__)
                if waits is not None:
                    loop.run_until_complete(waits)
            except BaseException:  # noqa: BLE001  # whatever it is, it is the page's fault and is shown
                error = traceback.format_exc()
        done.append((printed.getvalue(), error))
        if error:
            break
    loop.close()
    return done


def run_alone(page: str, blocks: list[tuple[int, str]], out: str) -> None:
    """Runs a page in an empty folder, and writes its results to the file `out`."""
    # A real module: classes that a block defines are looked up in it.
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        results = run(page, blocks, module)
        os.chdir("/")
    with open(out, "w", encoding="utf-8") as file:
        json.dump(results, file)


if __name__ == "__main__":
    pages = json.load(sys.stdin)
    for name in SLOW_IMPORTS:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    found: dict[str, list[tuple[str, str]]] = {}
    context = multiprocessing.get_context("fork")
    for page, blocks in pages.items():
        with tempfile.NamedTemporaryFile() as file:
            child = context.Process(target=run_alone, args=(page, blocks, file.name))
            child.start()
            child.join(TIMEOUT_S)
            if child.is_alive():
                child.kill()
                child.join()
            text = open(file.name, encoding="utf-8").read()  # noqa: SIM115  # the child's, closed with the block
            found[page] = json.loads(text) if text else [("", f"no result; exit code {child.exitcode}")]
    json.dump(found, sys.stdout)
