"""Run scripts in tests, without a browser or a server, on the real runtime.

Runs on: the test's own thread, so Django's ``TestCase`` transactions hold. Invariant: nothing here imitates the
runtime; it stands where the browser would stand.
"""

from __future__ import annotations

from scriptapps.testing.headless import HeadlessBrowser, HeadlessViewer
from scriptapps.testing.script_tester import ElementView, ScriptTester

__all__ = ["ElementView", "HeadlessBrowser", "HeadlessViewer", "ScriptTester"]
